import {pause} from '../core/pause.ts';
import type {SignalMessage} from '../records/signal-message.ts';
import type {Attempt} from './attempt.ts';
import type {ConnectionOptions, ConnectionState, ConnectionStats} from './connection-types.ts';
import {connectionClosed, connectionLost, iceFailed} from './errors.ts';
import {Mux} from './mux.ts';
import {Negotiator, UNKNOWN} from './negotiator.ts';
import {isFrame} from './reliable-link.ts';
import {Pace} from './pace.ts';
import {PathWatch} from './path-watch.ts';
import type {IcePolicy} from './path-types.ts';
import type {Verdict} from './quality.ts';
import {Restarts, type RestartReason} from './restarts.ts';
import type {IceStream} from './stream.ts';

export type {ConnectionOptions, ConnectionState, ConnectionStats} from './connection-types.ts';

const RECOVER_MS = 60_000;
/** Both sides notice a dead path at once: the one with the greater id lets the other go first. */
const POLITE_MS = 1_000;
/** What is still on its way may arrive before a connection is closed. */
const LINGER_MS = 5_000;
/** In both directions between two looks, 200 ms apart: 80 kB/s. */
const BUSY_BYTES = 16 * 1024;
const LINGER_STEP_MS = 20;
const FAREWELL_MS = 200;
/** The only byte of the last message; a link's messages begin with lesser ones. */
const FAREWELL = 3;

/**
 * A connection with one peer that outlives the paths it goes over: streams go on where they were when ICE is restarted,
 * by us or by the other side.
 */
export class IceConnection {
  readonly peer: string;
  readonly #options: ConnectionOptions;
  readonly #mux: Mux;
  readonly #negotiator: Negotiator;
  readonly #restarts = new Restarts();
  readonly #established = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<Error | undefined>();
  #state: ConnectionState = 'checking';
  #watch: PathWatch | undefined;
  #switches = 0;
  #setupMs = 0;
  #bytes = {sent: 0, received: 0};
  #movedBefore = 0;
  #restarting: Promise<void> | undefined;
  #closing = false;
  /** The path is gone, and there is no other yet. */
  #dead = false;

  constructor(options: ConnectionOptions) {
    this.peer = options.peer;
    this.#options = options;
    this.#mux = new Mux(options.self < options.peer, (stream) => {
      if (options.onStream === undefined) stream.reset('nothing is offered here');
      else options.onStream(stream);
    });
    this.#negotiator = new Negotiator(options, {
      switched: (attempt) => this.#switch(attempt),
      data: (bytes) => this.#data(bytes),
      control: (bytes) => this.#watch?.receive(bytes),
      drain: () => this.#mux.link.flush(),
      lost: () => this.#recover('dead'),
      refused: (error) => this.#warn(error),
    });
    this.#established.promise.catch(() => undefined);
  }

  get id(): string {
    return this.#negotiator.id;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** There has been no path yet. */
  get isNew(): boolean {
    return this.#state === 'checking';
  }

  /** Whether our own offer is on its way, and nothing has come of it yet. */
  get isOffering(): boolean {
    return this.#negotiator.isOffering;
  }

  /** Resolves with the first path, rejects when the connection closes without one. */
  get established(): Promise<void> {
    return this.#established.promise;
  }

  /** Resolves at the end: with the error, if it was one. */
  get closed(): Promise<Error | undefined> {
    return this.#closed.promise;
  }

  /** Opens a stream; `header` is JSON that says what it is for. */
  openStream(header: unknown): IceStream {
    return this.#mux.open(header);
  }

  /** Undefined before the first path. */
  stats(): ConnectionStats | undefined {
    const pair = this.#negotiator.current?.path.pair;
    const watch = this.#watch;
    if (pair === undefined || watch === undefined) return undefined;
    return {
      type: pair.type,
      pair: {local: pair.local, remote: pair.remote},
      setupMs: this.#setupMs,
      ...watch.report(),
      bytesSent: this.#bytes.sent,
      bytesReceived: this.#bytes.received,
      restarts: Math.max(0, this.#switches - 1),
    };
  }

  /** Looks for a path, as the one that offers. Errors: ICE_FAILED, ICE_CLOSED. */
  async offer(policy: IcePolicy = this.#options.policy): Promise<void> {
    if (this.#closing) throw connectionClosed(this.peer);
    await this.#negotiator.offer(policy);
  }

  /**
   * Takes another path while the old one goes on as long as it can. Resolves when data goes over the new one.
   * Errors: ICE_FAILED.
   */
  restart(reason: RestartReason = 'asked'): Promise<void> {
    this.#restarting ??= this.#restart(reason).finally(() => (this.#restarting = undefined));
    return this.#restarting;
  }

  /** A message of the peer about this connection. */
  async receive(message: SignalMessage): Promise<void> {
    if (message.session !== `${this.id}.${UNKNOWN}`) return this.#negotiator.receive(message);
    // Nobody has signed that, so it counts only where nothing else works.
    if (this.#dead) await this.#end(connectionLost(this.peer));
  }

  /** The peer's offer for a connection of its own replaces ours that has no path yet: both wanted the same. */
  adopt(id: string): void {
    this.#negotiator.id = id;
  }

  /** Says goodbye when all is sent, and gives everything back. Idempotent. */
  async close(error?: Error): Promise<void> {
    if (this.#closing) {
      await this.closed;
      return;
    }
    this.#closing = true;
    const {current} = this.#negotiator;
    if (current?.isOpen === true) {
      const until = performance.now() + (error === undefined ? LINGER_MS : 0);
      while (this.#mux.link.keptBytes > 0 && performance.now() < until && this.#live) await pause(LINGER_STEP_MS);
      // Else the other side would look for another path.
      if (current.path.send(Buffer.of(FAREWELL))) await pause(FAREWELL_MS);
    }
    await this.#end(error);
    // The peer's farewell may have come first.
    await this.closed;
  }

  get #live(): boolean {
    return this.#state !== 'closed';
  }

  async #end(error?: Error): Promise<void> {
    if (!this.#live) return;
    this.#closing = true;
    this.#setState('closed');
    this.#watch?.stop();
    this.#mux.fail(error ?? connectionClosed(this.peer));
    this.#established.reject(error ?? connectionClosed(this.peer));
    await this.#negotiator.close();
    this.#closed.resolve(error);
  }

  /** The new path is there: everything goes over it from now on. */
  #switch({path, startedMs}: Attempt): void {
    if (this.#switches === 0) this.#setupMs = performance.now() - startedMs;
    this.#switches++;
    this.#dead = false;
    const {quality} = this.#options;
    this.#watch?.stop();
    this.#watch = new PathWatch({
      ...(quality !== undefined && {quality}),
      send: (bytes) => void path.sendControl(bytes),
      tick: (verdict) => this.#tick(verdict),
    });
    const pace = new Pace();
    this.#mux.link.attach({
      send: (bytes) => {
        const sent = path.send(bytes);
        if (sent) this.#count('sent', bytes.length);
        if (sent && isFrame(bytes)) pace.sent(bytes.length, performance.now());
        return sent;
      },
      roomBytes: () => Math.min(path.roomBytes, pace.room),
      acknowledged: (bytes) => pace.acknowledged(bytes, performance.now()),
    });
    this.#setState('connected');
    this.#established.resolve();
  }

  #data(bytes: Buffer): void {
    if (!this.#live) return;
    this.#count('received', bytes.length);
    if (bytes.length === 1 && bytes[0] === FAREWELL) {
      void this.#end();
      return;
    }
    try {
      this.#mux.link.receive(bytes);
    } catch (error) {
      void this.#end(error instanceof Error ? error : iceFailed(this.peer, String(error)));
    }
  }

  #tick(verdict: Verdict): void {
    this.#mux.link.flush();
    this.#mux.link.acknowledge();
    const moved = this.#bytes.sent + this.#bytes.received - this.#movedBefore;
    this.#movedBefore += moved;
    if (this.#state !== 'connected') return;
    if (verdict === 'dead') this.#recover('dead');
    // Under load a slow path is late and loses pings, which another path would not mend.
    else if (verdict === 'degraded' && moved < BUSY_BYTES && this.#restarts.mayImprove(performance.now())) {
      this.#recover('degraded');
    }
  }

  #recover(reason: RestartReason): void {
    if (this.#restarting !== undefined || this.#state !== 'connected' || this.#closing) return;
    this.restart(reason).catch((error: unknown) => {
      if (this.#live) this.#warn(error);
      if (reason === 'dead') void this.#end(connectionLost(this.peer, error));
    });
  }

  async #restart(reason: RestartReason): Promise<void> {
    const {self, peer, policy} = this.#options;
    const until = performance.now() + RECOVER_MS;
    const switches = this.#switches;
    this.#setState('restarting');
    this.#dead ||= reason === 'dead';
    if (this.#dead) this.#mux.link.detach();
    if (reason === 'dead' && self > peer) await pause(POLITE_MS);
    for (let round = 0; ; round++) {
      // The other side may have been faster.
      if (this.#switches !== switches) return;
      try {
        const wanted = this.#restarts.policy(reason, round, this.#negotiator.current?.path.pair?.type);
        await this.offer(policy === 'relay' ? 'relay' : wanted);
        return;
      } catch (error) {
        if (this.#switches !== switches) return;
        const isLast = reason === 'dead' ? performance.now() >= until : round > 0;
        if (!isLast && this.#live) {
          await pause(this.#restarts.pauseMs(round));
          continue;
        }
        // A path that is only bad is still better than none.
        if (reason !== 'dead') this.#setState('connected');
        throw this.#live ? error : connectionClosed(peer);
      }
    }
  }

  #count(direction: 'sent' | 'received', bytes: number): void {
    this.#bytes[direction] += bytes;
    this.#watch?.traffic(direction === 'received');
  }

  #setState(state: ConnectionState): void {
    if (this.#state === state || this.#state === 'closed') return;
    this.#state = state;
    this.#options.log?.debug({peer: this.peer, state, type: this.stats()?.type}, 'ice connection');
    this.#options.onState?.(state);
  }

  #warn(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.log?.warn({peer: this.peer, reason}, 'ice negotiation failed');
  }
}
