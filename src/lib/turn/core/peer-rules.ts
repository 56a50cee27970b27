import {CidrSet, isSpecialPurpose, parseIp, unmap} from '../../core/ip-address.ts';

/** No peers even where the operator allows them: multicast, and class E with broadcast. */
export const NEVER_PEERS: readonly string[] = ['224.0.0.0/3', 'ff00::/8'];

const NEVER = new CidrSet(NEVER_PEERS);

export interface PeerRulesOptions {
  /** CIDRs that are peers although they have a special purpose, e.g. `10.0.0.0/8` for a server inside a network. */
  allow: readonly string[];
  /** CIDRs that are no peers; they win over `allow`. */
  deny: readonly string[];
  /** Addresses this server relays from, bound and public: calls between two of its clients pass through them. */
  ownRelays: readonly string[];
  /** First and last port of relay sockets: all that can be reached of an own relay address, unless it is allowed. */
  relayPorts: readonly [number, number];
}

/** Ports a peer at one address may have. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

const ANY_PORT: PortRange = {first: 1, last: 65_535};

/**
 * Which peers clients may reach (RFC 8656 section 21.2 and the history of relays into loopback): nothing that IANA
 * lists as special-purpose, and of this machine only its relay ports, unless the operator allows it. Compares numbers,
 * and judges an IPv6 address that carries an IPv4 one (mapped, compatible, NAT64, 6to4, Teredo) by both.
 */
export class PeerRules {
  readonly #allow: CidrSet;
  readonly #deny: CidrSet;
  readonly #ownRelays: readonly Uint8Array[];
  readonly #relayPorts: PortRange;
  readonly #isHere: (address: Uint8Array) => boolean;

  /** `isHere`: whether this machine has the address now. */
  constructor(options: PeerRulesOptions, isHere: (address: Uint8Array) => boolean = () => false) {
    this.#allow = new CidrSet(options.allow);
    this.#deny = new CidrSet(options.deny);
    this.#ownRelays = options.ownRelays.flatMap((text) => parseIp(text)?.bytes ?? []);
    this.#relayPorts = {first: options.relayPorts[0], last: options.relayPorts[1]};
    this.#isHere = isHere;
  }

  /** The ports that a peer at this address may have; undefined: it is no peer (403). */
  ports(address: Uint8Array): PortRange | undefined {
    const inner = unmap(address);
    const open = this.#open(address) && (inner === address || this.#open(inner));
    const isRelay = this.#ownRelays.some((own) => Buffer.compare(own, inner) === 0);
    if (!isRelay && !this.#isHere(inner)) return open ? ANY_PORT : undefined;
    // Other services of this machine may trust what comes from it, past its firewall. Through NAT64 there is no need to
    // come at all.
    if (inner !== address) return undefined;
    if (open && this.#allow.has(address)) return ANY_PORT;
    return isRelay ? this.#relayPorts : undefined;
  }

  #open(address: Uint8Array): boolean {
    if (this.#deny.has(address) || NEVER.has(address)) {
      return false;
    }
    return this.#allow.has(address) || isSpecialPurpose(address) === undefined;
  }
}
