import {EXIT, QuiverError} from '../core/errors.ts';

export interface ChainSettings {
  /** EIP-155 chain id. */
  id: number;
  name: string;
  rpcUrls: readonly string[];
  /** Address of a block explorer, without a path. */
  explorer?: string;
}

/** A named network: who to join through, which chain pays, and the prefix of every protocol and topic. */
export interface NetworkProfile {
  name: string;
  /** Multiaddrs, dnsaddrs or host:port. */
  bootstrapNodes: readonly string[];
  relayNodes: readonly string[];
  /** The network's own STUN servers, `stun:host:port`. */
  stunServers: readonly string[];
  /** Listen on and dial loopback addresses only. */
  loopbackOnly: boolean;
  /** `/quiver/<name>`; comes before every protocol id and topic, so that networks never mix. */
  protocolPrefix: string;
  chain: ChainSettings;
  /** Address of the settlement contract, all zero where none is deployed. */
  settlement: string;
}

export const ZERO_ADDRESS = '0x0000000000000000000000000000000000000000';

export const DEFAULT_PROFILE = 'local';

/** A STUN URL (RFC 7064); over UDP, since that is what WebRTC sends from. */
export const STUN_URL = /^stun:(?:\[[\da-f:.]{2,45}\]|[\w.-]{1,253})(?::\d{1,5})?$/i;

/** A profile names files, sockets and protocol ids, so it is short and plain. */
const PROFILE_NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;

const LOCAL_CHAIN: ChainSettings = {id: 31_337, name: 'local', rpcUrls: ['http://127.0.0.1:8545']};

/**
 * The profiles that ship with quiver. Chain ids and addresses as in the chain list at chainid.network.
 * No public network exists yet, so amoy and polygon have neither peers nor contracts.
 */
export const BUILT_IN_PROFILES: ReadonlyMap<string, NetworkProfile> = new Map(
  [
    profile('local', LOCAL_CHAIN, true),
    profile('amoy', {
      id: 80_002,
      name: 'Polygon Amoy',
      rpcUrls: ['https://rpc-amoy.polygon.technology'],
      explorer: 'https://amoy.polygonscan.com',
    }),
    profile('polygon', {
      id: 137,
      name: 'Polygon',
      rpcUrls: ['https://polygon-rpc.com'],
      explorer: 'https://polygonscan.com',
    }),
  ].map((item) => [item.name, item]),
);

/** The prefix of every protocol id and topic of a network. */
export function protocolPrefix(name: string): string {
  return `/quiver/${name}`;
}

/** Throws a usage error for a name that could not be a file name or a protocol id. */
export function checkProfileName(name: string): string {
  if (name === 'mumbai') {
    throw new QuiverError({
      code: 'PROFILE_GONE',
      message: 'The Mumbai test network no longer exists',
      fix: 'Use its successor: --profile amoy',
      exit: EXIT.usage,
    });
  }
  if (PROFILE_NAME.test(name)) return name;
  throw new QuiverError({
    code: 'PROFILE_NAME',
    message: `"${name}" cannot be the name of a profile`,
    fix: 'Use up to 32 of a-z, 0-9 and "-", beginning with a letter or digit, e.g. my-net.',
    exit: EXIT.usage,
  });
}

function profile(name: string, chain: ChainSettings, loopbackOnly = false): NetworkProfile {
  return {
    name,
    bootstrapNodes: [],
    relayNodes: [],
    stunServers: [],
    loopbackOnly,
    protocolPrefix: protocolPrefix(name),
    chain,
    settlement: ZERO_ADDRESS,
  };
}
