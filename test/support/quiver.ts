import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {createInterface} from 'node:readline';

export const ROOT = path.resolve(import.meta.dirname, '../..');
export const RUN_JS = path.join(ROOT, 'bin', 'run.js');

/** Seconds on a free machine; others may use this one too. */
const PATIENCE_MS = 60_000;

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  input?: string;
  cwd?: string;
  /** The Node that runs it. @default the one that runs the tests */
  node?: string;
  /** Arguments for Node itself, before the script. */
  nodeArgs?: readonly string[];
  /** Installed elsewhere. @default bin/run.js of this checkout */
  script?: string;
  /** @default 60,000 */
  timeoutMs?: number;
}

export interface RunResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** Starts the command line as a user would, from outside. stdin is closed unless there is input. */
export function spawnQuiver(args: readonly string[], options: RunOptions = {}): ChildProcess {
  const {node = process.execPath, nodeArgs = [], script = RUN_JS} = options;
  const child = spawn(node, [...nodeArgs, script, ...args], {
    cwd: options.cwd ?? ROOT,
    env: options.env ?? process.env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => {}); // it may end before it has read everything
  child.stdin.end(options.input ?? '');
  return child;
}

export async function runQuiver(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return collect(spawnQuiver(args, options), options.timeoutMs ?? PATIENCE_MS);
}

/** Waits for the end; what runs longer is killed and shows as a signal. */
export async function collect(child: ChildProcess, timeoutMs = PATIENCE_MS): Promise<RunResult> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  return {code, signal, stdout, stderr};
}

/** The first line on stdout that satisfies `isWanted`; throws with all that was printed when the process ends first. */
export async function waitForLine(
  child: ChildProcess,
  isWanted: (line: string) => boolean,
  timeoutMs = PATIENCE_MS,
): Promise<string> {
  const seen: string[] = [];
  child.stderr?.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
  const lines = createInterface({input: child.stdout!});
  const timer = setTimeout(() => lines.close(), timeoutMs);
  try {
    for await (const line of lines) {
      if (isWanted(line)) return line;
      seen.push(line);
    }
    throw new Error(`the awaited line did not come; printed so far:\n${seen.join('\n')}`);
  } finally {
    clearTimeout(timer);
    // Closing the reader pauses the pipe; a full pipe would block the process.
    child.stdout?.resume();
  }
}

/** A folder that is gone after the test, with the environment that makes quiver live in it. */
export async function temporaryHome(): Promise<{home: string; env: NodeJS.ProcessEnv} & AsyncDisposable> {
  // Short: the path of a Unix socket holds about a hundred bytes.
  const home = await mkdtemp(path.join(tmpdir(), 'q-'));
  return {
    home,
    env: {...process.env, QUIVER_HOME: home, HOME: home, XDG_CACHE_HOME: path.join(home, 'cache')},
    [Symbol.asyncDispose]: async () => rm(home, {recursive: true, force: true}),
  };
}
