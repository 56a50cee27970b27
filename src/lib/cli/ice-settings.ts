import type {Config} from '../config/config.ts';
import type {Places} from '../config/places.ts';
import type {Logger} from '../observability/logger.ts';
import type {IceSettings} from './ice-session.ts';

export interface IceFlags {
  api?: string[] | undefined;
  'public-stun'?: string[] | undefined;
  relay: boolean;
}

/** What `ice` commands go by. A command that ends logs what is wrong and no more, unless it was asked to. */
export function iceSettings(
  {flags, config, log, ...rest}: {flags: IceFlags; config: Config; places: Places; log: Logger; signal: AbortSignal},
  more: Partial<IceSettings> = {},
): IceSettings {
  if (config.origin('log.level').layer === 'default') log.level = 'warn';
  return {
    ...rest,
    log,
    profile: config.profile,
    identity: 'ice',
    apis: flags.api ?? [],
    publicStun: flags['public-stun'] ?? [],
    signals: [],
    relayOnly: flags.relay,
    ...more,
  };
}
