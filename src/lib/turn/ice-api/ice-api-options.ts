import {parseCidr} from '../../core/ip-address.ts';
import {EXIT, QuiverError} from '../../core/errors.ts';
import {parseIceUrl} from '../../stun/ice-server.ts';
import {MAX_CREDENTIAL_LIFETIME_MS, type CredentialAlgorithm} from '../core/credentials.ts';
import {isLoopback} from './access.ts';
import type {IceAccess} from './ice-handler.ts';
import {isTurn} from './ice-servers.ts';

export const ICE_API_HOST = '127.0.0.1';
/** A browser asks once for a call, a home of many people a few times a minute. */
export const ICE_API_LIMIT = {perSecond: 5, burst: 60};

export interface IceApiOptions extends Partial<IceAccess> {
  /** @default '127.0.0.1' */
  host?: string;
  /** 0 for any free one; undefined for none of its own, where another server mounts `handler`. */
  port?: number | undefined;
  /** Shared with the TURN servers, current one first; asked at each request. Empty: only STUN servers are listed. */
  secrets: () => readonly string[];
  /** Of our STUN and TURN servers; where none are given, those of the services of this process. */
  urls?: readonly string[];
  /** Other people's STUN servers, listed last. @default none */
  publicFallback?: readonly string[];
  /** Of credentials, at most 24 h. @default 3_600_000 */
  lifetimeMs?: number;
  /** @default 'sha1' */
  algorithm?: CredentialAlgorithm;
  /** Names of the STUN and TURN services of this process, whose addresses it lists. */
  after?: readonly string[];
}

/** Errors: ICE_API_OPEN when strangers would get credentials unasked, ICE_API_SETTING. */
export function checkIceApiOptions(options: IceApiOptions): void {
  const {host = ICE_API_HOST, port, token, publicIce = false, limit = ICE_API_LIMIT, lifetimeMs} = options;
  if (port !== undefined && !isLoopback(host) && token === undefined && !publicIce) throw open(host);
  for (const url of options.urls ?? []) if (parseIceUrl(url) === undefined) throw wrong(url, 'is no STUN or TURN URL');
  for (const url of options.publicFallback ?? []) {
    if (parseIceUrl(url) === undefined || isTurn(url)) throw wrong(url, 'is no STUN URL for the public fallback');
  }
  for (const origin of options.corsOrigins ?? []) {
    if (origin !== '*' && URL.parse(origin)?.origin !== origin.toLowerCase())
      throw wrong(origin, 'is no origin of web pages');
  }
  for (const block of options.proxies ?? [])
    if (parseCidr(block) === undefined) throw wrong(block, 'is no block of proxies');
  if (!(limit.perSecond > 0 && limit.burst >= 1)) throw wrong(`${limit.perSecond}/s`, 'lets nobody in');
  if (lifetimeMs !== undefined && !(lifetimeMs >= 1_000 && lifetimeMs <= MAX_CREDENTIAL_LIFETIME_MS)) {
    throw wrong(`${lifetimeMs / 1_000} s`, 'is no lifetime of a credential, which is a second to 24 hours');
  }
}

function open(host: string): QuiverError {
  return new QuiverError({
    code: 'ICE_API_OPEN',
    message: `On ${host} the ICE servers API would give TURN credentials to everyone`,
    fix: 'Give it a token: (umask 077 && openssl rand -hex 32 > ice.token), then --ice-token-file ice.token; or say that everyone may have them: --public-ice',
    exit: EXIT.refused,
  });
}

function wrong(value: string, fault: string): QuiverError {
  return new QuiverError({
    code: 'ICE_API_SETTING',
    message: `A setting of the ICE servers API is wrong: ${JSON.stringify(value)} ${fault}`,
    fix: 'Write stun:stun.example:3478, turn:turn.example:3478?transport=udp, https://app.example, 10.0.0.0/8, 1h.',
    exit: EXIT.usage,
  });
}
