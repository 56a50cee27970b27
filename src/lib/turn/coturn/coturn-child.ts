import {spawn, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {dirname} from 'node:path';

import {pause} from '../../core/pause.ts';

/** 4.6 ends in milliseconds; 4.17 waits up to five seconds for threads that do nothing any more. */
const STOP_GRACE_MS = 1_000;

/**
 * Runs a program and kills it when the other end of its input closes, which happens when our process ends, however it
 * ends. Prints the program's pid on the first line. The program has no terminal and no input.
 */
const SCRIPT = `
exec 3<&0
"$@" 3<&- </dev/null &
server=$!
echo "$server"
{ read -r _ <&3; kill -9 "$server"; } >/dev/null 2>&1 &
watch=$!
exec 3<&-
wait "$server"
status=$?
kill -9 "$watch"
exit "$status"
`;

/** A running coturn; ends with this process. */
export class CoturnChild {
  /** Of turnserver itself. */
  readonly pid: number;
  /** Resolves when it has ended, with a word on how. */
  readonly ended: Promise<string>;
  readonly #shell: ChildProcess;
  #hasEnded = false;

  private constructor(shell: ChildProcess, pid: number, ended: Promise<string>) {
    this.#shell = shell;
    this.pid = pid;
    this.ended = ended.finally(() => {
      this.#hasEnded = true;
    });
  }

  /** Starts it with its configuration, the only argument; what it prints goes to `onOutput`. */
  static async start(path: string, configFile: string, onOutput: (text: string) => void): Promise<CoturnChild> {
    // Its own session, or Ctrl-C on our terminal would end it before its clients are told. An empty environment: ours
    // may hold secrets.
    const shell = spawn('/bin/sh', ['-c', SCRIPT, 'coturn', path, '-c', configFile], {
      env: {},
      // It looks for certificates where it stands, before it is told that it needs none.
      cwd: dirname(configFile),
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const ended = once(shell, 'exit').then(
      ([code, signal]) => `it ended with ${signal === null ? `status ${code}` : `signal ${signal}`}`,
      (error: unknown) => `it could not be started: ${String(error)}`,
    );
    shell.stdin.on('error', () => {});
    // Should the shell have been killed, its child that watches over the program goes on, and ends it now.
    shell.once('exit', () => shell.stdin.destroy());
    shell.stderr.setEncoding('utf8').on('data', onOutput);
    const pid = await firstLine(shell, onOutput);
    return new CoturnChild(shell, pid, ended);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  signal(name: 'SIGTERM' | 'SIGKILL' | 'SIGUSR1' | 'SIGUSR2'): void {
    if (this.#hasEnded) return;
    try {
      process.kill(this.pid, name);
    } catch {
      // It has ended meanwhile.
    }
  }

  /** Asks it to end, and ends it after a while. */
  async stop(): Promise<void> {
    this.signal('SIGTERM');
    const inTime = await Promise.race([this.ended.then(() => true), pause(STOP_GRACE_MS).then(() => false)]);
    if (inTime) return;
    this.signal('SIGKILL');
    // The shell sees that nobody holds its input any more, in case it was not its program that hung.
    this.#shell.stdin?.destroy();
    await this.ended;
  }
}

/** The pid; everything after it goes to `onOutput`. */
async function firstLine(shell: ChildProcess, onOutput: (text: string) => void): Promise<number> {
  const {promise, resolve, reject} = Promise.withResolvers<number>();
  let text = '';
  const read = (chunk: string): void => {
    text += chunk;
    const end = text.indexOf('\n');
    if (end === -1) return;
    shell.stdout?.off('data', read).on('data', onOutput);
    onOutput(text.slice(end + 1));
    resolve(Number(text.slice(0, end)));
  };
  shell.stdout?.setEncoding('utf8').on('data', read);
  shell.once('error', reject);
  return promise;
}
