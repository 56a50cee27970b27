import {EXIT, QuiverError} from '../core/errors.ts';
import {interruptedError} from './errors.ts';

/** A terminal signals the whole process group: a parent that forwards it makes the same Ctrl-C arrive twice. */
const SAME_PRESS_MS = 200;

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Turns the first Ctrl-C into an abort, so that a command can cancel what it asked others to do;
 * the second one ends the process at once. Services don't use this: their host has its own signals.
 */
export class Interrupt {
  readonly #controller = new AbortController();
  #firstAt: number | undefined;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Why everything was cancelled; undefined while it was not. */
  get reason(): QuiverError | undefined {
    return this.signal.reason as QuiverError | undefined;
  }

  listen(): void {
    // `| head` has seen enough: what would go on printing into nothing may go on costing money.
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') this.#controller.abort(outputClosed());
    });
    for (const name of SIGNALS) process.on(name, () => this.#signalled());
  }

  #signalled(): void {
    const now = performance.now();
    if (this.#firstAt === undefined) {
      this.#firstAt = now;
      // Also for a command that tidies up and returns as if nothing had happened.
      process.exitCode = EXIT.interrupted;
      this.#controller.abort(interruptedError());
    } else if (now - this.#firstAt > SAME_PRESS_MS) {
      process.exit(EXIT.interrupted);
    }
  }
}

function outputClosed(): QuiverError {
  return new QuiverError({
    code: 'OUTPUT_CLOSED',
    message: 'The reader of the output went away',
    fix: 'Nothing is wrong.',
    exit: EXIT.done,
  });
}
