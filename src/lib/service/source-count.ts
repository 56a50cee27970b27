import type {Socket} from 'node:net';

import {CidrSet, socketIp} from '../core/ip-address.ts';

const LOOPBACK = new CidrSet(['127.0.0.0/8', '::1/128']);
/** What one home or one server has of IPv6. */
const SUBSCRIBER_BYTES = 8;

/** How many connections are open from one IPv4 address or IPv6 /64; those of this machine are not counted. */
export class SourceCount {
  readonly #limit: number;
  readonly #open = new Map<string, number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Counts a connection until it is closed; false, and not counted, when its source has as many as it may. */
  take(socket: Socket): boolean {
    const source = sourceOf(socket);
    if (source === undefined) return true;
    const open = this.#open.get(source) ?? 0;
    if (open >= this.#limit) return false;
    this.#open.set(source, open + 1);
    socket.once('close', () => this.#give(source));
    return true;
  }

  #give(source: string): void {
    const left = (this.#open.get(source) ?? 1) - 1;
    if (left > 0) this.#open.set(source, left);
    else this.#open.delete(source);
  }
}

/** Undefined for this machine: loopback, and sockets in the file system, which have no address. */
function sourceOf({remoteAddress}: Socket): string | undefined {
  const bytes = socketIp(remoteAddress);
  if (bytes === undefined || LOOPBACK.has(bytes)) return undefined;
  return Buffer.from(bytes.length === 4 ? bytes : bytes.subarray(0, SUBSCRIBER_BYTES)).toString('hex');
}
