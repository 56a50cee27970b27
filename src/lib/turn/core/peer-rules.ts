import {CidrSet, isSpecialPurpose, parseIp, unmap} from '../../core/ip-address.ts';

/** Not in the IANA special-purpose tables, but no peer either: multicast, and class E with broadcast. */
const NEVER = new CidrSet(['224.0.0.0/3', 'ff00::/8']);

export interface PeerRulesOptions {
  /** CIDRs that are peers although they have a special purpose, e.g. `10.0.0.0/8` for a server inside a network. */
  allow: readonly string[];
  /** CIDRs that are no peers; they win over `allow`. */
  deny: readonly string[];
  /** Addresses this server relays from, bound and public: calls between two of its clients pass through them. */
  ownRelays: readonly string[];
  /** First and last port of relay sockets: all of an own relay address that is reachable where it would be denied. */
  relayPorts: readonly [number, number];
}

/** Ports a peer at one address may have. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

const ANY_PORT: PortRange = {first: 1, last: 65_535};

/**
 * Which peers clients may reach (RFC 8656 section 21.2.4 and the history of relays into loopback): nothing that IANA
 * lists as special-purpose, unless the operator allows it. Compares numbers, and judges an IPv6 address that carries an
 * IPv4 one (mapped, compatible, NAT64, 6to4, Teredo) by both.
 */
export class PeerRules {
  readonly #allow: CidrSet;
  readonly #deny: CidrSet;
  readonly #ownRelays: readonly Uint8Array[];
  readonly #relayPorts: PortRange;

  constructor(options: PeerRulesOptions) {
    this.#allow = new CidrSet(options.allow);
    this.#deny = new CidrSet(options.deny);
    this.#ownRelays = options.ownRelays.flatMap((text) => parseIp(text)?.bytes ?? []);
    this.#relayPorts = {first: options.relayPorts[0], last: options.relayPorts[1]};
  }

  /** The ports that a peer at this address may have; undefined: it is no peer (403). */
  ports(address: Uint8Array): PortRange | undefined {
    const inner = unmap(address);
    if (this.#open(address) && (inner === address || this.#open(inner))) {
      return ANY_PORT;
    }
    return this.#ownRelays.some((own) => Buffer.compare(own, address) === 0) ? this.#relayPorts : undefined;
  }

  #open(address: Uint8Array): boolean {
    if (this.#deny.has(address) || NEVER.has(address)) {
      return false;
    }
    return this.#allow.has(address) || isSpecialPurpose(address) === undefined;
  }
}
