import {spawn, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

import {afterEach, vi} from 'vitest';

const SCRIPT = fileURLToPath(new URL('host-process.ts', import.meta.url));

export interface SpawnedHost {
  process: ChildProcess;
  socketPath: string;
  runFile: string;
  stdout(): string;
  stderr(): string;
  /** Resolves when the text has been printed, on either stream. */
  says(text: string): Promise<void>;
  /** Resolves with the exit status, or the name of the signal that ended it. */
  ended: Promise<number | string>;
}

const children = new Set<ChildProcess>();

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});

/** Starts host-process.ts with a home of its own; killed after the test if it still runs. */
export function spawnHost(home: string, ...args: string[]): SpawnedHost {
  const child = spawn(process.execPath, [SCRIPT, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {...process.env, QUIVER_HOME: home, NODE_NO_WARNINGS: '1'},
  });
  children.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: unknown) => (stdout += String(text)));
  child.stderr.setEncoding('utf8').on('data', (text: unknown) => (stderr += String(text)));
  const ended = once(child, 'close').then(([code, signal]) => {
    children.delete(child);
    return (code ?? signal) as number | string;
  });
  return {
    process: child,
    socketPath: join(home, 'run', 'local.sock'),
    runFile: join(home, 'run', 'local.json'),
    stdout: () => stdout,
    stderr: () => stderr,
    async says(text) {
      const heard = () => {
        if (!`${stdout}${stderr}`.includes(text)) throw new Error(`not said: ${text}\n${stdout}${stderr}`);
      };
      await vi.waitFor(heard, {timeout: 15_000, interval: 10});
    },
    ended,
  };
}
