import {labName, Namespace, sweep} from './namespace.ts';
import {type NatKind, natRules} from './nat.ts';

/** Where a host of the lab stands; `double-nat` is a port-restricted router behind a carrier's port-restricted one. */
export type Surroundings = 'open' | NatKind | 'double-nat';

/**
 * Addresses that no special-purpose registry lists, so that servers take them for public ones.
 * The segment is a bridge inside a namespace without a way out.
 */
const INTERNET = '11.0';
const INTERNET_V6 = '2a0f:ffff:1';
/** The first two numbers of the networks behind routers; the second grows with their number. */
const HOME = [10, 0] as const;
/** Shared address space (RFC 6598), between a carrier's NAT and its customers. */
const CARRIER = [100, 64] as const;

/** A host in a namespace of its own, with its own addresses: public ones, or that of its LAN. */
export interface LabHost {
  readonly namespace: Namespace;
  readonly addresses: readonly string[];
}

/** A small internet in network namespaces: open hosts, NATs of every kind and hosts behind them. Needs root. */
export class Lab {
  readonly #name = labName();
  readonly #namespaces: Namespace[] = [];
  readonly #internet: Segment;
  readonly #atExit = (): void => this.close();
  #routers = 0;

  constructor() {
    sweep();
    process.once('exit', this.#atExit);
    this.#internet = new Segment(this.#namespace('internet'), INTERNET);
  }

  /** An open host; with `ipv6` each of its addresses is followed, at the end of the list, by one of IPv6. */
  server(name: string, {addresses: count = 1, ipv6 = false} = {}): LabHost {
    const namespace = this.#namespace(name);
    const addresses = this.#internet.plug(namespace, count);
    const v6 = ipv6 ? addresses.map(inIpv6) : [];
    namespace.ip(...v6.map((address) => `address add ${address}/64 dev wan nodad`));
    return {namespace, addresses: [...addresses, ...v6]};
  }

  /** A router of one kind, on the internet or behind another router. */
  router(kind: NatKind, {behind, lan = HOME}: {behind?: LabRouter; lan?: readonly [number, number]} = {}): LabRouter {
    this.#routers += 1;
    const namespace = this.#namespace(`router${this.#routers}`);
    const outside = behind?.segment ?? this.#internet;
    const [address = ''] = outside.plug(namespace, 1);
    const network = `${lan[0]}.${lan[1] + (this.#routers >> 8)}.${this.#routers & 255}`;
    const segment = new Segment(namespace, network, 'lan');
    namespace.nft(natRules(kind, segment.first));
    namespace.forward();
    return {namespace, segment, address};
  }

  /** A host behind a router. What the router lets in unasked goes to the first. */
  behind(router: LabRouter, name: string): LabHost {
    const namespace = this.#namespace(name);
    return {namespace, addresses: router.segment.plug(namespace, 1)};
  }

  /** A host in the surroundings asked for. */
  station(name: string, surroundings: Surroundings): LabHost {
    if (surroundings === 'open') return this.server(name);
    if (surroundings !== 'double-nat') return this.behind(this.router(surroundings), name);
    const carrier = this.router('port-restricted', {lan: CARRIER});
    return this.behind(this.router('port-restricted', {behind: carrier}), name);
  }

  /** Ends every process of the lab and removes all that it made. */
  close(): void {
    process.off('exit', this.#atExit);
    for (const namespace of this.#namespaces.splice(0).toReversed()) namespace.remove();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #namespace(name: string): Namespace {
    // Numbered, since a test that is repeated makes the same hosts again.
    const namespace = new Namespace(this.#name, `${name}-${this.#namespaces.length}`);
    this.#namespaces.push(namespace);
    return namespace;
  }
}

/** 11.0.1.2 has 2a0f:ffff:1::102 beside it. */
function inIpv6(address: string): string {
  const [, , high = 0, low = 0] = address.split('.').map(Number);
  return `${INTERNET_V6}::${(high * 256 + low).toString(16)}`;
}

export interface LabRouter {
  readonly namespace: Namespace;
  readonly segment: Segment;
  /** On its outer side. */
  readonly address: string;
}

/** A bridge in a namespace. With a name for it, that namespace is the gateway of those plugged in. */
class Segment {
  readonly first: string;
  readonly #at: Namespace;
  readonly #network: string;
  readonly #gateway: boolean;
  readonly #bits: number;
  #plugs = 0;
  #addresses = 1;

  constructor(at: Namespace, network: string, gateway?: 'lan') {
    this.#at = at;
    this.#gateway = gateway !== undefined;
    // Three numbers name a LAN, two the internet: a /24 or a /16.
    this.#bits = network.split('.').length * 8;
    this.#network = network;
    this.first = this.#address(2);
    at.ip(`link add ${this.#bridge} type bridge`, `link set ${this.#bridge} up`);
    if (this.#gateway) at.ip(`address add ${this.#address(1)}/24 dev ${this.#bridge}`);
  }

  #address(number: number): string {
    return this.#bits === 24 ? `${this.#network}.${number}` : `${this.#network}.${number >> 8}.${number & 255}`;
  }

  get #bridge(): string {
    return this.#gateway ? 'lan' : 'wire';
  }

  /** Wires a namespace to the bridge, gives it addresses and the way out, and says which addresses. */
  plug(namespace: Namespace, count: number): string[] {
    this.#plugs += 1;
    const end = `w${this.#plugs}`;
    this.#at.ip(
      `link add ${end} type veth peer name wan netns ${namespace.name}`,
      `link set ${end} master ${this.#bridge}`,
      `link set ${end} up`,
    );
    const addresses = Array.from({length: count}, () => this.#address((this.#addresses += 1)));
    namespace.ip(
      'link set wan up',
      ...addresses.map((address) => `address add ${address}/${this.#bits} dev wan`),
      ...(this.#gateway ? [`route add default via ${this.#address(1)}`] : []),
    );
    return addresses;
  }
}
