import type {Connection, ConnectionGater, MultiaddrConnection} from '@libp2p/interface';
import {isLoopback} from '@libp2p/utils';
import type {Multiaddr} from '@multiformats/multiaddr';

import type {Logger} from '../observability/logger.ts';
import type {Components} from './transports.ts';

export interface AdmissionOptions {
  /** Refuse to dial anything beyond this machine. */
  loopbackOnly: boolean;
  /** Open inbound connections from one IPv4 /24 or IPv6 /56. */
  maxInboundPerSubnet: number;
  log: Logger;
}

/** Decides which connections a node makes and takes, where libp2p's own limits know only single IP addresses. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #perSubnet = new Map<string, number>();
  #refused = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Inbound connections refused for their subnet so far. */
  get refused(): number {
    return this.#refused;
  }

  readonly gater: ConnectionGater = {
    denyDialMultiaddr: (address) => this.#options.loopbackOnly && !isLoopback(address),
    denyInboundConnection: (connection) => this.#isFull(connection),
  };

  get loopbackOnly(): boolean {
    return this.#options.loopbackOnly;
  }

  /** Counts the connections of the node that these components belong to. */
  attach({events}: Components): this {
    events.addEventListener('connection:open', ({detail}) => this.#count(detail, 1));
    events.addEventListener('connection:close', ({detail}) => this.#count(detail, -1));
    return this;
  }

  #isFull(connection: MultiaddrConnection): boolean {
    const subnet = subnetOf(connection.remoteAddr);
    if (subnet === undefined) return false;
    const open = this.#perSubnet.get(subnet) ?? 0;
    if (open < this.#options.maxInboundPerSubnet) return false;
    this.#refused += 1;
    this.#options.log.warn(
      {
        address: connection.remoteAddr.toString(),
        limit: 'maxInboundPerSubnet',
        value: this.#options.maxInboundPerSubnet,
      },
      'connection refused: its subnet has as many connections as it may',
    );
    return true;
  }

  #count({direction, remoteAddr}: Connection, change: 1 | -1): void {
    const subnet = direction === 'inbound' ? subnetOf(remoteAddr) : undefined;
    if (subnet === undefined) return;
    const open = (this.#perSubnet.get(subnet) ?? 0) + change;
    // Only subnets with an open connection are kept, so the map is bounded by the number of connections.
    if (open > 0) this.#perSubnet.set(subnet, open);
    else this.#perSubnet.delete(subnet);
  }
}

/**
 * The /24 (IPv4) or /56 (IPv6, what one home gets) that an address lies in, as hex.
 * Undefined for relayed addresses, whose IP is the relay's, and for those that don't begin with an IP address.
 */
export function subnetOf(address: Multiaddr): string | undefined {
  if (isRelayed(address)) return undefined;
  const [first] = address.getComponents();
  // The bytes are the protocol's code (one byte for both families) and then the address itself.
  if (first?.name === 'ip4') return Buffer.from(address.bytes.subarray(0, 1 + 3)).toString('hex');
  if (first?.name === 'ip6') return Buffer.from(address.bytes.subarray(0, 1 + 7)).toString('hex');
  return undefined;
}

/** Whether the address leads through a relay. */
export function isRelayed(address: Multiaddr): boolean {
  return address.getComponents().some(({name}) => name === 'p2p-circuit');
}
