import {TokenBucket} from '../../core/token-bucket.ts';

/** A datagram of any size must fit in what may pass at once. */
const MIN_BURST_BYTES = 65_535;

/** For a cap in bytes a second, of which a whole second may come at once; undefined for no cap. */
export function bandwidthBucket(bytesPerSecond: number | undefined, nowMs: number): TokenBucket | undefined {
  if (bytesPerSecond === undefined) return undefined;
  return new TokenBucket({perSecond: bytesPerSecond, burst: Math.max(bytesPerSecond, MIN_BURST_BYTES)}, nowMs);
}
