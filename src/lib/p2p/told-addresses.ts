import {isLinkLocal, isLoopback, isPrivate} from '@libp2p/utils';
import type {Multiaddr} from '@multiformats/multiaddr';

import {isRelayed} from './admission.ts';

/**
 * Which of its addresses a node tells others, most useful first: a manifest has room for 16, and a machine with a few
 * interfaces, each of them over four transports and two families, has more.
 * Link-local addresses, which QUIC lists with all others, are left out: to dial one takes the name of an interface.
 */
export function toldAddresses(addresses: readonly Multiaddr[]): Multiaddr[] {
  return addresses.filter((address) => !isLinkLocal(address)).toSorted((a, b) => rank(a) - rank(b));
}

/** From everywhere, from everywhere through a relay, from the same site, from the same machine. */
function rank(address: Multiaddr): number {
  if (isLoopback(address)) return 3;
  if (isPrivate(address)) return 2;
  return isRelayed(address) ? 1 : 0;
}
