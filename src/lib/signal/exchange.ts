import {QuiverError} from '../core/errors.ts';
import {pause} from '../core/pause.ts';
import {TokenBuckets} from '../core/token-bucket.ts';
import type {Logger} from '../observability/logger.ts';
import type {OfferedIceServer} from '../records/signal-message.ts';
import {withDeadline} from '../service/deadline.ts';
import {readIceServers} from '../stun/ice-server.ts';
import {Backlog} from './backlog.ts';
import {Doorkeeper} from './doorkeeper.ts';
import {refusal} from './errors.ts';
import {SignalHub} from './hub.ts';
import {Intake} from './intake.ts';
import type {IntakeOptions} from './intake.ts';
import type {SignalLimits} from './limits.ts';
import type {RoomBus} from './room-bus.ts';

const TICK_MS = 1_000;
/** A join goes on without ICE servers when they are not there by then. */
const ICE_SERVERS_DEADLINE_MS = 1_000;
/** Time in which whoever was told to go elsewhere does so. */
const DRAIN_GRACE_MS = 2_000;
const DRAIN_CHECK_MS = 50;
/** After a restart clients come back this long after they were told, in ms. */
const RETRY_AFTER_MS = 1_000;

/** STUN and TURN servers for one peer. */
export type IceServersFor = (peer: string) => Promise<OfferedIceServer[]> | OfferedIceServer[];

export interface ExchangeOptions {
  /** `/quiver/<profile>/signal/1.0.0`. */
  protocol: string;
  limits?: Partial<SignalLimits>;
  /** Peer ids that may join; empty: whoever proves its own. */
  allowedPeers?: readonly string[];
  /** What those who join are told. @default none */
  iceServers?: IceServersFor;
}

/** Sources and peers whose rate is remembered. */
const MAX_NAMES = 16_384;

/** What the faces of one process share: the hub, who may come in, how fast, and the other servers. */
export class SignalExchange {
  readonly protocol: string;
  readonly hub: SignalHub;
  readonly backlog: Backlog;
  /** `host:port` that tokens may be made for. */
  readonly audiences = new Set<string>();
  readonly #doorkeeper: Doorkeeper;
  readonly #iceServers: IceServersFor;
  readonly #messagesPerPeer: TokenBuckets;
  readonly #messagesPerSource: TokenBuckets;
  readonly #bytesPerSource: TokenBuckets;
  readonly #joinsPerSource: TokenBuckets;
  #bus: RoomBus | undefined;
  #log: Logger | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor({protocol, limits = {}, allowedPeers = [], iceServers = () => []}: ExchangeOptions) {
    this.protocol = protocol;
    this.hub = new SignalHub({
      limits,
      publish: (room, event) => this.#bus?.publish(room, event),
      onEmpty: (room) => this.#bus?.vacate(room),
    });
    this.backlog = new Backlog(this.hub.limits);
    this.#iceServers = iceServers;
    this.#doorkeeper = new Doorkeeper({protocol, audiences: () => this.audiences, allowedPeers});
    this.#messagesPerPeer = new TokenBuckets(this.hub.limits.messagesPerPeer, MAX_NAMES);
    this.#messagesPerSource = new TokenBuckets(this.hub.limits.messagesPerSource, MAX_NAMES);
    this.#bytesPerSource = new TokenBuckets(this.hub.limits.bytesPerSource, MAX_NAMES);
    this.#joinsPerSource = new TokenBuckets(this.hub.limits.joinsPerSource, MAX_NAMES);
  }

  /** Undefined while only this process serves the rooms. */
  get bus(): RoomBus | undefined {
    return this.#bus;
  }

  start(log: Logger, bus?: RoomBus): void {
    this.#log = log;
    this.#bus = bus;
    this.#timer ??= setInterval(() => this.hub.tick(this.now()), TICK_MS).unref();
  }

  /** Milliseconds of a steady clock. */
  now(): number {
    return performance.now();
  }

  /** Lets a peer of our own join, whatever list there is. */
  allowOwn(peer: string): void {
    this.#doorkeeper.own.add(peer);
  }

  /** Takes in one connection. Throws SIGNAL_FULL or SIGNAL_DRAINING. */
  accept(options: IntakeOptions): Intake {
    try {
      return new Intake(this, options);
    } catch (error) {
      if (error instanceof QuiverError) this.refused(error.code, error);
      throw error;
    }
  }

  /** Tells everybody to go elsewhere, and waits a moment for them to do so. */
  async drain(): Promise<void> {
    this.hub.drain(RETRY_AFTER_MS);
    const endMs = this.now() + DRAIN_GRACE_MS;
    while (this.hub.sessions.size > 0 && this.now() < endMs) {
      await pause(DRAIN_CHECK_MS);
    }
  }

  /** Ends every connection. Idempotent. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.hub.close();
    const bus = this.#bus;
    this.#bus = undefined;
    await bus?.stop();
  }

  /** Counts one more message from a source; false when it is too much. */
  allows(source: string, bytes: number): boolean {
    const nowMs = this.now();
    return this.#messagesPerSource.take(source, 1, nowMs) && this.#bytesPerSource.take(source, bytes, nowMs);
  }

  /** Throws SIGNAL_RATE. */
  spend(source: string, bytes: number): void {
    if (!this.allows(source, bytes)) throw refusal('SIGNAL_RATE');
  }

  /** Throws SIGNAL_RATE. */
  spendJoin(source: string): void {
    if (!this.#joinsPerSource.take(source, 1, this.now())) throw refusal('SIGNAL_RATE');
  }

  /** Throws SIGNAL_RATE. */
  spendOf(peer: string): void {
    if (!this.#messagesPerPeer.take(peer, 1, this.now())) throw refusal('SIGNAL_RATE');
  }

  /** Who wants to join: what its connection proves, else its token. Throws what `Doorkeeper` does. */
  async identify(identity: string | undefined, token: string | undefined, room: string): Promise<string> {
    if (identity === undefined) return this.#doorkeeper.admit(token, room);
    this.#doorkeeper.allow(identity);
    return identity;
  }

  async iceServers(peer: string): Promise<OfferedIceServer[]> {
    try {
      // Checked here, since a client would leave a server that tells it nonsense.
      return await withDeadline(
        async () => readIceServers(await this.#iceServers(peer)),
        ICE_SERVERS_DEADLINE_MS,
        () => new Error('they did not come in time'),
      );
    } catch (error) {
      this.#log?.warn({err: error}, 'a peer joined without being told ICE servers');
      return [];
    }
  }

  async enter(room: string): ReturnType<RoomBus['enter']> {
    return (await this.#bus?.enter(room)) ?? {elsewhere: [], release: () => undefined};
  }

  refused(code: string, error: unknown): void {
    this.hub.stats.refused.add(code);
    if (!(error instanceof QuiverError)) this.#log?.error({err: error}, 'a signalling message failed');
  }
}
