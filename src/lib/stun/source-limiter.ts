import {randomFillSync} from 'node:crypto';

import type {Endpoint} from './endpoint.ts';

export interface SourceLimiterOptions {
  /** How often a source may come in the long run. */
  perSecond: number;
  /** How many times a source may come at once. */
  burst: number;
  /** From `limiterMemory`, where several threads limit together. @default memory of its own */
  memory?: SharedArrayBuffer;
}

/** Of each of two rows. A flood has to reach `perSecond` in most of them before it is felt by others. */
const SLOTS = 32_768;
const ROWS = 2;
const SEEDS = 2;

/** The table that the limiters of several threads share, so that all together allow what one would. */
export function limiterMemory(): SharedArrayBuffer {
  const memory = new SharedArrayBuffer((SEEDS + ROWS * SLOTS) * Float64Array.BYTES_PER_ELEMENT);
  randomFillSync(new Uint32Array(memory, 0, SEEDS * 2));
  return memory;
}

/**
 * A token bucket for each source: an IPv4 address or an IPv6 /64, which is what one subscriber has.
 *
 * There is no table of sources that could overflow, or from which one's own entry could be pushed: a source has one
 * slot in each of two rows, found by a hash with a secret seed, and is allowed while one of its slots is (a count-min
 * sketch with conservative update, Estan and Varghese 2002). Half a megabyte, whatever comes. A slot holds one time, at
 * which its bucket will be full again (the virtual scheduling form of the generic cell rate algorithm, ITU-T I.371).
 */
export class SourceLimiter {
  readonly #intervalMs: number;
  readonly #toleranceMs: number;
  readonly #full: Float64Array;
  readonly #seedA: number;
  readonly #seedB: number;

  constructor({perSecond, burst, memory = limiterMemory()}: SourceLimiterOptions) {
    if (!(perSecond > 0 && burst >= 1)) throw new RangeError('A limit is more than nothing, and a burst at least 1');
    this.#intervalMs = 1000 / perSecond;
    this.#toleranceMs = burst * this.#intervalMs;
    const [seedA = 0, seedB = 0] = new Uint32Array(memory);
    this.#seedA = seedA;
    this.#seedB = seedB;
    this.#full = new Float64Array(memory, SEEDS * Float64Array.BYTES_PER_ELEMENT);
  }

  /** Counts one more from there, unless it is too much; then nothing is counted and the answer is false. */
  allow({bytes}: Pick<Endpoint, 'bytes'>, nowMs: number): boolean {
    const high = word(bytes, 0);
    const low = bytes.length === 16 ? word(bytes, 4) : 0;
    const a = mix(high, low, this.#seedA) & (SLOTS - 1);
    const b = SLOTS + (mix(high, low, this.#seedB) & (SLOTS - 1));
    const fullA = this.#fullAt(a, nowMs);
    const fullB = this.#fullAt(b, nowMs);
    const full = Math.min(fullA, fullB) + this.#intervalMs;
    if (full - nowMs > this.#toleranceMs) return false;
    this.#full[a] = Math.max(fullA, full);
    this.#full[b] = Math.max(fullB, full);
    return true;
  }

  #fullAt(slot: number, nowMs: number): number {
    const full = this.#full[slot] ?? 0;
    const latest = nowMs + this.#toleranceMs;
    if (full <= latest) return Math.max(full, nowMs);
    // Further ahead than an empty bucket: the clock was set back, which must not lock anyone out.
    this.#full[slot] = latest;
    return latest;
  }
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}

/** The finaliser of MurmurHash3 over both words, each step keyed. */
function mix(high: number, low: number, seed: number): number {
  let hash = seed;
  for (let round = 0; round < 2; round++) {
    hash ^= round === 0 ? high : low;
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash ^= hash >>> 16;
  }
  return hash;
}
