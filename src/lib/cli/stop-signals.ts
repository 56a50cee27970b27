import {EXIT} from '../core/errors.ts';

/** A terminal signals a whole process group, so that a parent that forwards a signal makes it arrive twice. */
const SAME_PRESS_MS = 200;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The first signal asks a service to stop, the second ends the process at once. */
export class StopSignals {
  readonly #onFirst: () => void;
  #firstAtMs: number | undefined;

  constructor(onFirst: () => void) {
    this.#onFirst = onFirst;
  }

  listen(): void {
    for (const name of SIGNALS) process.on(name, this.#signalled);
  }

  close(): void {
    for (const name of SIGNALS) process.off(name, this.#signalled);
  }

  readonly #signalled = (): void => {
    const nowMs = performance.now();
    if (this.#firstAtMs === undefined) {
      this.#firstAtMs = nowMs;
      this.#onFirst();
    } else if (nowMs - this.#firstAtMs > SAME_PRESS_MS) {
      process.exit(EXIT.interrupted);
    }
  };
}
