import {answerBinding} from '../../stun/binding-server.ts';
import {decodeMessage} from '../../stun/message.ts';
import {SourceLimiter} from '../../stun/source-limiter.ts';
import {CLASS, METHOD} from '../../stun/types.ts';
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
  readonly #limiter: SourceLimiter;

  constructor({bindingsPerSecond, bindingBurst, limiterMemory}: StunCoreOptions) {
    this.#limiter = new SourceLimiter({
      perSecond: bindingsPerSecond,
      burst: bindingBurst,
      ...(limiterMemory !== undefined && {memory: limiterMemory}),
    });
  }

  fromClient(path: ClientPath, bytes: Uint8Array, nowMs: number): void {
    const message = decodeMessage(bytes);
    if (message?.method !== METHOD.binding) {
      this.counters.malformed += 1;
      return;
    }
    if (message.class !== CLASS.request) return;
    this.counters.bindingRequests += 1;
    if (!this.#limiter.allow(path.remote, nowMs)) {
      this.counters.bindingLimited += 1;
      return;
    }
    const {alternates} = path;
    const answer = answerBinding(message, path.remote, alternates?.origins);
    if (answer === undefined) return;
    (alternates === undefined ? path : alternates.path(answer.from, path.remote)).send(answer.bytes);
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
