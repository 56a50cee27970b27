import type {IcePolicy} from './path-types.ts';

/** `dead`: nothing comes through; `degraded`: too much is lost or late; `asked`: somebody wants it. */
export type RestartReason = 'dead' | 'degraded' | 'asked';

/** A bad path is left no more often: looking for another costs both sides. */
const IMPROVE_EVERY_MS = 60_000;
const FIRST_PAUSE_MS = 500;
const PAUSE_LIMIT_MS = 8_000;

/** When to look for another path, and of which kind. Time comes in, in ms. */
export class Restarts {
  #improvedMs = Number.NEGATIVE_INFINITY;

  mayImprove(nowMs: number): boolean {
    if (nowMs - this.#improvedMs < IMPROVE_EVERY_MS) return false;
    this.#improvedMs = nowMs;
    return true;
  }

  /**
   * What works is taken first, and ICE itself prefers direct paths. It would choose a bad direct one again, though: that
   * is left for a relayed one, as is one that did not come back at the first try.
   */
  policy(reason: RestartReason, round: number, current: 'host' | 'srflx' | 'relay' | undefined): IcePolicy {
    if (reason === 'degraded' && round === 0 && current !== 'relay') return 'relay';
    return round % 2 === 1 ? 'relay' : 'all';
  }

  pauseMs(round: number): number {
    return Math.min(PAUSE_LIMIT_MS, FIRST_PAUSE_MS * 2 ** round);
  }
}
