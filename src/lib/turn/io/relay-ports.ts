import {randomInt} from 'node:crypto';

import {parseIp} from '../../core/ip-address.ts';
import {RelayError} from '../core/io.ts';
import type {RelayRequest, RelaySocket} from '../core/io.ts';
import type {RelayOptions, UdpEngine} from './engine.ts';

/** Ports tried at random; where fewer than half are taken, one in a thousand million searches needs more. */
const RANDOM_ATTEMPTS = 32;
/** After that neighbours are tried in a row: all of a small range, a piece of a large one. */
const ROW_ATTEMPTS = 128;
/** The port is taken, by us or by others, or not ours to have. */
const NEXT_PORT = new Set(['EADDRINUSE', 'EACCES']);

export interface RelayAddress {
  /** An address of this machine; never a wildcard. */
  address: string;
  /** What clients are told where a NAT maps one address to the other, port by port. */
  announced?: string;
}

export interface RelayPortsOptions {
  engine: UdpEngine;
  addresses: readonly RelayAddress[];
  /** First and last port. */
  ports: readonly [number, number];
}

type Opened = readonly [RelaySocket] | readonly [RelaySocket, RelaySocket];

/**
 * Relay sockets on ports that can't be guessed (RFC 8656 section 7.2, RFC 6056). Which ports are taken is left to the
 * kernel, which knows about other workers and programs too; so there is no list that could lose one.
 */
export class RelayPorts {
  readonly #engine: UdpEngine;
  readonly #first: number;
  readonly #last: number;
  readonly #binds: ReadonlyMap<4 | 6, readonly Omit<RelayOptions, 'port'>[]>;

  constructor({engine, addresses, ports: [first, last]}: RelayPortsOptions) {
    this.#engine = engine;
    this.#first = first;
    this.#last = last;
    const binds = addresses.flatMap((entry) => {
      const family = parseIp(entry.address)?.family;
      return family === undefined ? [] : [{...entry, family}];
    });
    this.#binds = new Map([4, 6].map((family) => [family as 4 | 6, binds.filter((bind) => bind.family === family)]));
  }

  async open({family, even, pair}: RelayRequest): Promise<Opened> {
    const binds = this.#binds.get(family) ?? [];
    if (binds.length === 0) throw new RelayError(440, `no relay address for IPv${family}`);
    const start = randomInt(binds.length);
    for (let turn = 0; turn < binds.length; turn += 1) {
      const bind = binds[(start + turn) % binds.length];
      const opened = bind === undefined ? undefined : await this.#openAt(bind, even, pair);
      if (opened !== undefined) return opened;
    }
    throw new RelayError(508, 'no free relay port');
  }

  async #openAt(bind: Omit<RelayOptions, 'port'>, even: boolean, pair: boolean): Promise<Opened | undefined> {
    for (const port of this.#candidates(even, pair)) {
      const socket = await this.#bind(bind, port);
      if (socket === undefined) continue;
      if (!pair) return [socket];
      const second = await this.#bind(bind, port + 1).catch(async (error: unknown) => {
        await socket.close();
        throw error;
      });
      if (second !== undefined) return [socket, second];
      await socket.close();
    }
    return undefined;
  }

  /** undefined where another port may be had. */
  async #bind(bind: Omit<RelayOptions, 'port'>, port: number): Promise<RelaySocket | undefined> {
    try {
      return await this.#engine.bindRelay({...bind, port});
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (NEXT_PORT.has(code)) return undefined;
      throw new RelayError(508, `a relay socket could not be opened on ${bind.address}: ${code}`);
    }
  }

  *#candidates(even: boolean, pair: boolean): Generator<number> {
    const step = even ? 2 : 1;
    const first = even ? this.#first + (this.#first & 1) : this.#first;
    const last = pair ? this.#last - 1 : this.#last;
    const count = Math.floor((last - first) / step) + 1;
    if (count < 1) return;
    for (let attempt = 0; attempt < RANDOM_ATTEMPTS; attempt += 1) yield first + step * randomInt(count);
    const start = randomInt(count);
    const rows = Math.min(count, ROW_ATTEMPTS);
    for (let attempt = 0; attempt < rows; attempt += 1) yield first + step * ((start + attempt) % count);
  }
}
