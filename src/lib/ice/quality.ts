/** How a path does, by our own pings over an unreliable channel. */
export interface QualityReport {
  /** Smoothed as in RFC 6298; undefined before the first answer. */
  rttMs?: number;
  /** Mean deviation between round trips that follow one another. */
  jitterMs: number;
  /** Of the last pings that had their time to be answered: 0 to 1. */
  lossRatio: number;
}

export type Verdict = 'good' | 'degraded' | 'dead';

export interface QualityOptions {
  /** Pings on an idle path. @default 15000 */
  keepaliveMs?: number;
  /** Pings while there is traffic or doubt. @default 1000 */
  probeMs?: number;
  /** Without a word from the other side, though it was asked, the path counts as dead. @default 5000 */
  silenceMs?: number;
  /** Smoothed round trip above which a path counts as degraded. @default 1500 */
  rttLimitMs?: number;
  /** Share of lost pings above which a path counts as degraded. @default 0.3 */
  lossLimit?: number;
}

/** Traffic within this time counts as traffic now. */
const ACTIVE_MS = 3_000;
/** Pings that loss is judged by. */
const WINDOW = 20;
/** Fewer say nothing about loss. */
const LOSS_SAMPLES = 10;
/** A later answer is one to a lost ping. */
const ANSWER_WITHIN_MS = 3_000;
const RTT_GAIN = 1 / 8;
const JITTER_GAIN = 1 / 16;

/** Decides when to ping and what the answers mean. Sans-IO: time comes in with each call, in ms. */
export class PathQuality {
  readonly #options: Required<QualityOptions>;
  readonly #waiting = new Map<number, number>();
  /** Of the last pings that were answered or are lost: whether they were answered. */
  readonly #outcomes: boolean[] = [];
  #next = 0;
  #lastPingMs = Number.NEGATIVE_INFINITY;
  #heardMs: number;
  /** When the oldest ping that nothing came after was sent. */
  #askedMs: number | undefined;
  #trafficMs = Number.NEGATIVE_INFINITY;
  #rttMs: number | undefined;
  #lastRttMs: number | undefined;
  #jitterMs = 0;

  constructor(nowMs: number, options: QualityOptions = {}) {
    this.#heardMs = nowMs;
    const {keepaliveMs = 15_000, probeMs = 1_000, silenceMs = 5_000, rttLimitMs = 1_500, lossLimit = 0.3} = options;
    this.#options = {keepaliveMs, probeMs, silenceMs, rttLimitMs, lossLimit};
  }

  /** The number of a ping to be sent now, if one is due. */
  ping(nowMs: number): number | undefined {
    const {keepaliveMs, probeMs} = this.#options;
    const doubt = this.#askedMs !== undefined || this.#outcomes.slice(-3).includes(false);
    const busy = nowMs - this.#trafficMs < ACTIVE_MS;
    const fresh = this.#outcomes.length < LOSS_SAMPLES / 2;
    if (nowMs - this.#lastPingMs < (busy || doubt || fresh ? probeMs : keepaliveMs)) return undefined;
    this.#expire(nowMs);
    const number = this.#next++;
    this.#waiting.set(number, nowMs);
    this.#lastPingMs = nowMs;
    this.#askedMs ??= nowMs;
    return number;
  }

  pong(number: number, nowMs: number): void {
    const sentMs = this.#waiting.get(number);
    this.heard(nowMs);
    if (sentMs === undefined) return;
    this.#waiting.delete(number);
    this.#record(true);
    const rtt = nowMs - sentMs;
    this.#rttMs = this.#rttMs === undefined ? rtt : this.#rttMs + (rtt - this.#rttMs) * RTT_GAIN;
    if (this.#lastRttMs !== undefined) {
      this.#jitterMs += (Math.abs(rtt - this.#lastRttMs) - this.#jitterMs) * JITTER_GAIN;
    }
    this.#lastRttMs = rtt;
  }

  /** Anything came from the other side. */
  heard(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#askedMs = undefined;
  }

  /** Something was sent or came that matters to somebody. */
  traffic(nowMs: number): void {
    this.#trafficMs = nowMs;
  }

  verdict(nowMs: number): Verdict {
    this.#expire(nowMs);
    const {silenceMs, rttLimitMs, lossLimit} = this.#options;
    if (this.#askedMs !== undefined && nowMs - Math.max(this.#askedMs, this.#heardMs) >= silenceMs) return 'dead';
    const lossy = this.#outcomes.length >= LOSS_SAMPLES && this.#loss() > lossLimit;
    return lossy || (this.#rttMs ?? 0) > rttLimitMs ? 'degraded' : 'good';
  }

  report(): QualityReport {
    const rttMs = this.#rttMs;
    return {...(rttMs !== undefined && {rttMs}), jitterMs: this.#jitterMs, lossRatio: this.#loss()};
  }

  #expire(nowMs: number): void {
    for (const [number, sentMs] of this.#waiting) {
      if (nowMs - sentMs < ANSWER_WITHIN_MS) return;
      this.#waiting.delete(number);
      this.#record(false);
    }
  }

  #record(answered: boolean): void {
    this.#outcomes.push(answered);
    if (this.#outcomes.length > WINDOW) this.#outcomes.shift();
  }

  #loss(): number {
    if (this.#outcomes.length === 0) return 0;
    return this.#outcomes.filter((answered) => !answered).length / this.#outcomes.length;
  }
}
