import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {setTimeout as sleep} from 'node:timers/promises';
import {stripVTControlCharacters} from 'node:util';

import {RUN_JS} from './quiver.ts';

const ANSWER_DEADLINE_MS = 30_000;

/** quiver at a terminal of its own, made by script(1): what it shows, and somebody who types. */
export class Terminal {
  #shown = '';
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(args: readonly string[], {env, cwd}: {env: NodeJS.ProcessEnv; cwd: string}) {
    const line = `exec ${[process.execPath, RUN_JS, ...args].map((word) => `'${word}'`).join(' ')}`;
    this.#child = spawn('script', ['-qec', line, '/dev/null'], {env, cwd, stdio: ['pipe', 'pipe', 'inherit']});
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.#shown += chunk.toString()));
    this.#ended = once(this.#child, 'close');
  }

  get shown(): string {
    return stripVTControlCharacters(this.#shown);
  }

  /** Waits until a question is on the screen, then types. */
  async answer(question: string, text: string): Promise<void> {
    const from = this.#answered;
    const deadline = Date.now() + ANSWER_DEADLINE_MS;
    while (!this.shown.slice(from).includes(question)) {
      if (Date.now() > deadline || this.#child.exitCode !== null) throw new Error(`no "${question}" in ${this.shown}`);
      await sleep(20);
    }
    this.#answered = this.shown.length;
    this.#child.stdin?.write(`${text}\r`);
  }
  #answered = 0;

  /** The exit status. */
  async end(): Promise<number | null> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), ANSWER_DEADLINE_MS);
    await this.#ended;
    clearTimeout(timer);
    return this.#child.exitCode;
  }
}
