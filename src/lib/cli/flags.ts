import * as Flags from '@oclif/core/flags';
import type * as Interfaces from '@oclif/core/interfaces';

import {environmentName, keySpec, LOG_LEVELS, type ConfigKey, type LogLevel} from '../config/schema.ts';

/** What tells `loadSettings` that a flag is the strongest layer of a configuration key. */
export interface KeyFlag {
  configKey: ConfigKey;
}

// Named, so that the type of a command's flags can be written down without oclif's inner types.
export interface TextFlag extends Interfaces.OptionFlag<string | undefined>, KeyFlag {}
export interface ListFlag extends Interfaces.OptionFlag<string[] | undefined>, KeyFlag {}
export interface SwitchFlag extends Interfaces.BooleanFlag<boolean>, KeyFlag {}

interface KeyFlagOptions {
  char?: Interfaces.AlphabetLowercase | Interfaces.AlphabetUppercase;
  /** @default the description of the key */
  summary?: string;
}

/** A flag that sets a configuration key for this command; its value is checked by the key. */
export function keyFlag(key: ConfigKey, options: KeyFlagOptions = {}): TextFlag {
  return {...Flags.string({...common(key, options), helpValue: '<value>'}), configKey: key};
}

/** Like `keyFlag`, for a list: may be given several times. */
export function keyListFlag(key: ConfigKey, options: KeyFlagOptions = {}): ListFlag {
  // Non-greedy, or the flag would swallow the arguments after it.
  const flag = Flags.string({...common(key, options), helpValue: '<value>', multiple: true, multipleNonGreedy: true});
  return {...flag, configKey: key};
}

/** Like `keyFlag`, for a switch: `--x` and `--no-x`. */
export function keySwitch(key: ConfigKey, options: KeyFlagOptions = {}): SwitchFlag {
  return {...Flags.boolean({...common(key, options), allowNo: true}), configKey: key};
}

/**
 * What a flag gives, read from where oclif's type of a flag keeps it. Its own `InferredFlags` loses all of them when
 * one is a named type.
 */
export type FlagType<Flag> = Flag extends {type: 'boolean'}
  ? boolean
  : Flag extends {defaultHelp?: infer Value}
    ? Exclude<Value, (...inputs: never) => unknown>
    : never;

/** A type, not an interface: oclif wants its keys enumerable. */
export type CommonFlags = {
  config: Interfaces.OptionFlag<string | undefined>;
  profile: TextFlag;
  'log-level': Interfaces.OptionFlag<LogLevel | undefined> & KeyFlag;
  quiet: Interfaces.BooleanFlag<boolean>;
  'no-input': Interfaces.BooleanFlag<boolean>;
};

/** Flags that every command has; `--json` comes from oclif. */
export const COMMON_FLAGS: CommonFlags = {
  config: Flags.string({
    helpGroup: 'GLOBAL',
    helpValue: '<file>',
    description: 'Read this file instead of ./quiver.yaml [env: QUIVER_CONFIG]',
  }),
  profile: {
    ...Flags.string({
      helpGroup: 'GLOBAL',
      helpValue: '<name>',
      aliases: ['network'],
      description: 'The network this command belongs to [env: QUIVER_PROFILE]',
    }),
    configKey: 'profile',
  },
  'log-level': {
    ...Flags.option({
      helpGroup: 'GLOBAL',
      options: LOG_LEVELS,
      description: 'Least severe log line to write [env: QUIVER_LOG_LEVEL]',
    })(),
    configKey: 'log.level',
  },
  quiet: Flags.boolean({char: 'q', helpGroup: 'GLOBAL', description: 'Print the result and nothing else'}),
  'no-input': Flags.boolean({helpGroup: 'GLOBAL', description: 'Never ask; fail and name the flag instead'}),
};

function common(key: ConfigKey, {char, summary}: KeyFlagOptions): {description: string; char?: never} {
  const description = `${summary ?? keySpec(key).description} [env: ${environmentName(key)}]`;
  return {description, ...(char === undefined ? {} : {char: char as never})};
}
