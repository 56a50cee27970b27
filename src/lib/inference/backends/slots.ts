import {busy} from './errors.ts';

/** A guess for when nothing is known about how long requests take. */
const RETRY_AFTER_MS = 1000;

/** A fixed number of places, and a queue no longer than that; whoever comes on top of it is refused at once. */
export class Slots {
  readonly size: number;
  readonly #name: string;
  readonly #waiting = new Set<() => void>();
  #free: number;

  constructor(name: string, size: number) {
    this.#name = name;
    this.size = size;
    this.#free = size;
  }

  /** Returns the function that gives the place back, or undefined if the signal came first. */
  async take(signal: AbortSignal): Promise<(() => void) | undefined> {
    if (signal.aborted) return undefined;
    if (this.#free > 0) {
      this.#free -= 1;
      return this.#placeOnce();
    }
    if (this.#waiting.size >= this.size) throw busy(this.#name, RETRY_AFTER_MS);
    const {promise, resolve} = Promise.withResolvers<boolean>();
    const turn = (): void => resolve(true);
    const abort = (): void => resolve(false);
    this.#waiting.add(turn);
    signal.addEventListener('abort', abort, {once: true});
    const got = await promise;
    signal.removeEventListener('abort', abort);
    if (got) return this.#placeOnce();
    this.#waiting.delete(turn);
    return undefined;
  }

  #placeOnce(): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const [next] = this.#waiting;
      if (next === undefined) {
        this.#free += 1;
        return;
      }
      this.#waiting.delete(next);
      next();
    };
  }
}
