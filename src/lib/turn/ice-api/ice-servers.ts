import type {ServiceInfo} from '../../service/service.ts';
import {formatIceUrl, parseIceUrl, type IceServer, type IceUrl} from '../../stun/ice-server.ts';
import {issueCredential, type CredentialAlgorithm} from '../core/credentials.ts';

export interface IceServersOptions {
  /** Who the credential is for; the part after the expiry in its username. */
  user: string;
  /** The current TURN secret; without one no TURN server is listed. */
  secret: string | undefined;
  /** Of our own STUN and TURN servers, in the order in which clients should try them. */
  urls: readonly string[];
  /** Of other people's STUN servers, which learn users' addresses; none unless the operator named them. */
  publicFallback: readonly string[];
  lifetimeMs: number;
  /** Since 1970. */
  nowMs: number;
  /** Of the HMAC. @default 'sha1', which every TURN server with shared secrets knows */
  algorithm?: CredentialAlgorithm;
}

/** What the API answers: `new RTCPeerConnection({iceServers: answer.ice_servers})`. */
export interface IceServersAnswer {
  ice_servers: IceServer[];
  /** How long the credentials in it last, in seconds. */
  ttl: number;
}

/** The list of ICE servers for one user: our own STUN and TURN first, with a fresh time-limited credential. */
export function iceServers(options: IceServersOptions): IceServersAnswer {
  const {user, secret, urls, publicFallback, lifetimeMs, nowMs, algorithm} = options;
  const ttl = Math.floor(lifetimeMs / 1_000);
  const servers = [...ownServers(), ...(publicFallback.length > 0 ? [{urls: [...publicFallback]}] : [])];
  return {ice_servers: servers, ttl};

  function ownServers(): IceServer[] {
    if (!urls.some(isTurn)) return urls.length === 0 ? [] : [{urls: [...urls]}];
    if (secret === undefined)
      return [{urls: urls.filter((url) => !isTurn(url))}].filter((server) => server.urls.length > 0);
    const {username, credential} = issueCredential({
      user,
      secret,
      lifetimeMs,
      nowMs,
      ...(algorithm !== undefined && {algorithm}),
    });
    return [{urls: [...urls], username, credential}];
  }
}

/**
 * The URLs of the STUN and TURN services of this process, as they say themselves in their info: those that others are
 * told where there are any. A TURN server answers STUN on the same socket, so that it stands in for one that is missing.
 */
export function ownUrls(stun: ServiceInfo | undefined, turn: ServiceInfo | undefined): string[] {
  const turnUrls = urlsOf(turn).filter(({scheme}) => scheme.startsWith('turn'));
  const stunUrls = urlsOf(stun).filter(({scheme}) => scheme.startsWith('stun'));
  const beside = turnUrls
    .filter(({scheme, transport}) => scheme === 'turn' && transport === 'udp')
    .map((url): IceUrl => ({...url, scheme: 'stun'}));
  return [...new Set([...(stunUrls.length > 0 ? stunUrls : beside), ...turnUrls].map(formatIceUrl))];
}

function urlsOf(info: ServiceInfo | undefined): IceUrl[] {
  if (info === undefined) return [];
  const {addresses, publicAddresses} = info;
  return (publicAddresses.length > 0 ? publicAddresses : addresses)
    .flatMap((address) => parseIceUrl(address) ?? [])
    .filter(({host}) => host !== '0.0.0.0' && host !== '::');
}

export function isTurn(url: string): boolean {
  return url.startsWith('turn');
}
