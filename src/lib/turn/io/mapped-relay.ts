import type {Endpoint} from '../../stun/endpoint.ts';
import type {RelaySocket} from '../core/io.ts';
import type {EndpointCache} from './endpoint-cache.ts';
import type {RelayAddress} from './relay-ports.ts';

/**
 * Which of our own relay addresses others know by another one (NAT 1:1). Two clients of this server send to each
 * other's announced address, and few NATs take a packet from inside back in: so it is sent to the address inside, and
 * what comes from inside is said to come from the announced one. Only for ports of relay sockets: what else this
 * machine serves inside is not to be reached under its public address.
 */
export class RelayMapping {
  readonly #inside = new Map<string, string>();
  readonly #outside = new Map<string, string>();
  readonly #endpoints: EndpointCache;
  readonly #ports: readonly [number, number];

  constructor(addresses: readonly RelayAddress[], ports: readonly [number, number], endpoints: EndpointCache) {
    this.#endpoints = endpoints;
    this.#ports = ports;
    for (const {address, announced} of addresses) {
      if (announced === undefined || announced === address) continue;
      this.#inside.set(announced, address);
      this.#outside.set(address, announced);
    }
  }

  get empty(): boolean {
    return this.#inside.size === 0;
  }

  toInside(peer: Endpoint): Endpoint {
    return this.#mapped(peer, this.#inside);
  }

  toOutside(peer: Endpoint): Endpoint {
    return this.#mapped(peer, this.#outside);
  }

  #mapped(peer: Endpoint, table: ReadonlyMap<string, string>): Endpoint {
    const address = table.get(peer.address);
    if (address === undefined || peer.port < this.#ports[0] || peer.port > this.#ports[1]) return peer;
    return this.#endpoints.fromText(address, peer.port);
  }
}

/** A relay socket of which others know another address. The engine's own socket has it as its owner. */
export class MappedRelay implements RelaySocket {
  readonly relayed: Endpoint;
  owner: unknown = undefined;
  readonly #socket: RelaySocket;
  readonly #mapping: RelayMapping;

  constructor(socket: RelaySocket, mapping: RelayMapping) {
    this.relayed = socket.relayed;
    this.#socket = socket;
    this.#mapping = mapping;
    socket.owner = this;
  }

  send(peer: Endpoint, bytes: Uint8Array): void {
    this.#socket.send(this.#mapping.toInside(peer), bytes);
  }

  close(): Promise<void> {
    return this.#socket.close();
  }
}
