import type {BoundAddress} from './server-options.ts';

type Scheme = 'stun' | 'turn';

/** URLs of RFC 7064 and RFC 7065 for where a server listens: `turn:198.51.100.1:3478?transport=udp`. */
export function boundUrls(scheme: Scheme, bound: readonly BoundAddress[]): string[] {
  return bound.map((at) => urlOf(scheme, at.address, at));
}

/** The same for the names and addresses that others know the hosts by. */
export function publicUrls(scheme: Scheme, names: readonly string[], bound: readonly BoundAddress[]): string[] {
  const kinds = new Map(bound.map((at) => [`${at.transport} ${at.port}`, at]));
  return names.flatMap((name) => [...kinds.values()].map((at) => urlOf(scheme, name, at)));
}

/** STUN has no parameter for the transport (RFC 7064): `stun:` is tried over UDP and TCP. */
function urlOf(scheme: Scheme, host: string, {transport, port}: Omit<BoundAddress, 'address'>): string {
  const secure = transport === 'tls' ? 's' : '';
  const bracketed = host.includes(':') ? `[${host}]` : host;
  const parameter = scheme === 'stun' ? '' : `?transport=${transport === 'udp' ? 'udp' : 'tcp'}`;
  return `${scheme}${secure}:${bracketed}:${port}${parameter}`;
}
