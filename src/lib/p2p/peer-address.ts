import {isIPv6} from 'node:net';

import {peerIdFromString} from '@libp2p/peer-id';
import {isLoopback} from '@libp2p/utils';
import type {Multiaddr} from '@multiformats/multiaddr';
import {multiaddr} from '@multiformats/multiaddr';

import {EXIT, QuiverError} from '../core/errors.ts';

/** How to reach a bootstrap or a relay, as a user named it. */
export interface PeerAddress {
  /** As it was written. */
  text: string;
  /** What to dial or, for `dnsaddr`, to look up; a bare peer id becomes `/p2p/…`, to be found through the DHT. */
  address: Multiaddr;
  /** Missing until first contact if only a host and a port were given. */
  peerId?: string;
  kind: 'address' | 'dnsaddr' | 'peer';
}

/** A port is at most 16 bits. */
const MAX_PORT = 65_535;

/**
 * Reads `/ip4/…/tcp/4001/p2p/…`, `/dnsaddr/example.org`, `host:4001`, `[::1]:4001` or a peer id.
 * Throws the usage error BAD_PEER_ADDRESS, naming the word.
 */
export function parsePeerAddress(text: string): PeerAddress {
  const word = text.trim();
  try {
    if (word.startsWith('/')) return fromMultiaddr(text, multiaddr(word));
    const split = /^(?:\[(?<six>[^\]]+)\]|(?<host>[^:/\s]+)):(?<port>\d{1,5})$/.exec(word)?.groups;
    if (split !== undefined) return fromHostPort(text, split['six'] ?? split['host'] ?? '', Number(split['port']));
    const peerId = peerIdFromString(word).toString();
    return {text, address: multiaddr(`/p2p/${peerId}`), peerId, kind: 'peer'};
  } catch (cause) {
    throw new QuiverError({
      code: 'BAD_PEER_ADDRESS',
      message: `"${text}" is not the address of a peer`,
      fix: 'Write /ip4/198.51.100.7/tcp/4001/p2p/<peer id>, /dnsaddr/<domain> or <host>:4001',
      exit: EXIT.usage,
      cause,
    });
  }
}

/** Reads the values of `--bootstrap`: everything that `parsePeerAddress` does, but a bare peer id, as nobody can find it yet. */
export function parseBootstrap(texts: readonly string[]): PeerAddress[] {
  return texts.map((text) => {
    const address = parsePeerAddress(text);
    if (address.kind !== 'peer') return address;
    throw new QuiverError({
      code: 'BAD_PEER_ADDRESS',
      message: `"${text}" is a peer id without an address, so no one could be asked where that peer is`,
      fix: `Write its address too: /ip4/198.51.100.7/tcp/4001/p2p/${address.peerId ?? ''}`,
      exit: EXIT.usage,
    });
  });
}

/** Throws the usage error BEYOND_LOOPBACK for an address that a network of this machine alone would never dial. */
export function assertOnLoopback({text, address, kind}: PeerAddress, network: string): void {
  if (kind === 'peer' || isLoopback(address)) return;
  throw new QuiverError({
    code: 'BEYOND_LOOPBACK',
    message: `"${text}" is not on this machine, and the network ${network} does not leave it`,
    fix: `quiver network add my-net --bootstrap ${text}; then add --profile my-net to this command`,
    exit: EXIT.usage,
  });
}

function fromMultiaddr(text: string, address: Multiaddr): PeerAddress {
  const parts = address.getComponents();
  const peerId = parts.findLast(({name}) => name === 'p2p')?.value;
  const known = peerId === undefined ? {} : {peerId: peerIdFromString(peerId).toString()};
  const first = parts[0]?.name ?? '';
  if (first === 'dnsaddr') return {text, address, kind: 'dnsaddr', ...known};
  if (first === 'p2p' && parts.length === 1) return {text, address, kind: 'peer', ...known};
  if (!/^(?:ip4|ip6|ip6zone|dns|dns4|dns6)$/.test(first)) throw new Error('does not begin with a host');
  if (!parts.some(({name}) => name === 'tcp' || name === 'udp')) throw new Error('has no port');
  return {text, address, kind: 'address', ...known};
}

function fromHostPort(text: string, host: string, port: number): PeerAddress {
  if (port === 0 || port > MAX_PORT) throw new Error('has no such port');
  if (host === 'localhost') return fromHostPort(text, '127.0.0.1', port);
  const family = isIPv6(host) ? 'ip6' : /^[\d.]+$/.test(host) ? 'ip4' : 'dns';
  return {text, address: multiaddr(`/${family}/${host}/tcp/${port}`), kind: 'address'};
}
