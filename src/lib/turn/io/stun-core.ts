import {decodeMessage} from '../../stun/message.ts';
import {CLASS, METHOD} from '../../stun/types.ts';
import {Bindings} from '../core/bindings.ts';
import {TurnCounters} from '../core/counters.ts';
import type {ClientPath, RelaySocket} from '../core/io.ts';
import type {Endpoint} from '../../stun/endpoint.ts';
import type {TurnStats} from '../core/turn-core.ts';

export interface StunCoreOptions {
  /** Binding requests of one IPv4 address or IPv6 /64. */
  bindingsPerSecond: number;
  bindingBurst: number;
  /** From `limiterMemory`: all workers limit together. */
  limiterMemory?: SharedArrayBuffer;
}

/** What a server asks of the protocol behind its sockets. */
export interface ServerCore {
  readonly counters: TurnCounters;
  fromClient(path: ClientPath, bytes: Uint8Array, nowMs: number): void;
  fromPeer(socket: RelaySocket, peer: Endpoint, bytes: Uint8Array, nowMs: number): void;
  pathClosed(path: ClientPath): void;
  tick(nowMs: number): void;
  drain(): void;
  close(): Promise<void>;
  stats(): TurnStats;
}

/** A STUN server (RFC 8489, RFC 5780) and nothing else: no request makes it remember anything. */
export class StunCore implements ServerCore {
  readonly counters = new TurnCounters();
  readonly #bindings: Bindings;

  constructor({bindingsPerSecond, bindingBurst, limiterMemory}: StunCoreOptions) {
    const memory = limiterMemory === undefined ? {} : {memory: limiterMemory};
    this.#bindings = new Bindings({perSecond: bindingsPerSecond, burst: bindingBurst, ...memory}, this.counters);
  }

  fromClient(path: ClientPath, bytes: Uint8Array, nowMs: number): void {
    const message = decodeMessage(bytes);
    if (message?.method !== METHOD.binding) {
      this.counters.malformed += 1;
      return;
    }
    if (message.class === CLASS.request) this.#bindings.answer(path, message, nowMs);
  }

  fromPeer(): void {
    // It has no relay sockets.
  }

  pathClosed(): void {
    // It knows nobody.
  }

  tick(): void {
    // Nothing it has can expire.
  }

  drain(): void {
    // An answer is given at once or never.
  }

  async close(): Promise<void> {
    // Sockets belong to the server.
  }

  stats(): TurnStats {
    return {allocations: 0, opening: 0, reservations: 0, closing: 0};
  }
}
