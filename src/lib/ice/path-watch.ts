import {PathQuality, type QualityOptions, type QualityReport, type Verdict} from './quality.ts';

export interface WatchOptions {
  quality?: QualityOptions;
  /** Over the unreliable channel. */
  send(bytes: Uint8Array): void;
  /** Every 200 ms, with what is thought of the path. */
  tick(verdict: Verdict): void;
}

const TICK_MS = 200;
/** First byte of a message, before a number of 32 bits. */
const KIND = {ping: 0, pong: 1} as const;
const MESSAGE_BYTES = 5;

/** Pings the other side of one path, answers its pings, and has an opinion about the path. */
export class PathWatch {
  readonly #options: WatchOptions;
  readonly #quality: PathQuality;
  readonly #timer: NodeJS.Timeout;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#quality = new PathQuality(performance.now(), options.quality);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  report(): QualityReport {
    return this.#quality.report();
  }

  /** A message on the control channel. */
  receive(bytes: Buffer): void {
    if (bytes.length !== MESSAGE_BYTES) return;
    const number = bytes.readUInt32BE(1);
    const now = performance.now();
    if (bytes[0] === KIND.pong) this.#quality.pong(number, now);
    else if (bytes[0] === KIND.ping) {
      this.#quality.heard(now);
      this.#options.send(message(KIND.pong, number));
    }
  }

  /** Data went over the path, or (`heard`) came from the other side. */
  traffic(heard: boolean): void {
    const now = performance.now();
    this.#quality.traffic(now);
    if (heard) this.#quality.heard(now);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = performance.now();
    const number = this.#quality.ping(now);
    if (number !== undefined) this.#options.send(message(KIND.ping, number));
    this.#options.tick(this.#quality.verdict(now));
  }
}

function message(kind: number, number: number): Buffer {
  const bytes = Buffer.allocUnsafe(MESSAGE_BYTES);
  bytes[0] = kind;
  bytes.writeUInt32BE(number % 2 ** 32, 1);
  return bytes;
}
