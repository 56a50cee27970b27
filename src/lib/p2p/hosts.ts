import {isIP, isIPv6} from 'node:net';

import type {ListenOptions} from './listen.ts';

/** Sockets of a node, on one address or on several. */
export interface NodeListen extends Omit<ListenOptions, 'host'> {
  /** IP addresses; `0.0.0.0` is every interface over IPv4, `::` every interface over IPv4 and IPv6. */
  host: string | readonly string[];
}

/**
 * What is opened on each address. libp2p's sockets speak one family each, so `::`, which is both to most servers, takes
 * two. WebRTC-direct is opened on the first alone: its library has one listener for a port, whatever the address.
 */
export function eachHost({host, ...sockets}: NodeListen): [ListenOptions, ...ListenOptions[]] {
  const named = new Set([host].flat().flatMap((each) => (each === '::' ? ['0.0.0.0', '::'] : [each])));
  const [first = '', ...others] = [...named].filter((each) => !isCovered(each, named));
  return [{...sockets, host: first}, ...others.map((each) => ({...sockets, host: each, webrtcDirect: false as const}))];
}

/** An address beside all those of its family would want the same ports a second time. */
function isCovered(host: string, named: ReadonlySet<string>): boolean {
  const all = isIPv6(host) ? '::' : '0.0.0.0';
  return isIP(host) !== 0 && host !== all && named.has(all);
}
