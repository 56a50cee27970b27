import {styleText} from 'node:util';

import type {StepProgress} from '../chain/plan.ts';
import {plain} from './output.ts';

const PHASES = {
  simulating: 'simulating',
  signing: 'waiting for the signature',
  sent: 'sent',
  waiting: 'waiting to be mined',
  replaced: 'sent again with a higher fee',
  reorged: 'taken back by the chain, sending again',
  mined: '',
  already: 'done before',
} as const satisfies Record<StepProgress['phase'], string>;

/** Back to the start of the line, and clear it. */
const CLEAR_LINE = '\r\u001b[2K';

/**
 * Shows on stderr how the steps of a plan go: on a terminal one line that changes for the step at work, elsewhere one
 * line for each step that is done.
 */
export class StepPrinter {
  readonly #stream: NodeJS.WriteStream;
  readonly #live: boolean;

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    this.#stream = stream;
    this.#live = stream.isTTY;
  }

  show({index, count, what, phase}: StepProgress): void {
    const done = phase === 'mined' || phase === 'already';
    if (!done && !this.#live) return;
    const mark = done ? styleText('green', '✔', {stream: this.#stream}) : '…';
    const state = PHASES[phase] === '' ? '' : ` (${PHASES[phase]})`;
    const line = `${mark} [${index + 1}/${count}] ${plain(what)}${state}`;
    if (!this.#live) this.#stream.write(`${line}\n`);
    else
      this.#stream.write(done ? `${CLEAR_LINE}${line}\n` : `${CLEAR_LINE}${line.slice(0, this.#stream.columns - 1)}`);
  }

  /** Ends a line that was being changed, so that an error starts on one of its own. */
  finish(): void {
    if (this.#live) this.#stream.write(CLEAR_LINE);
  }
}
