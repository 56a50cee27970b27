import {spawn, spawnSync} from 'node:child_process';
import type {ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import {createServer} from 'node:net';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import {onTestFinished} from 'vitest';

import type {SignalServiceOptions} from '../../../../src/lib/signal/signal-service.ts';

const SCRIPT = join(import.meta.dirname, '..', '..', '..', 'support', 'signal-process.ts');

export interface TestProcess {
  /** The first line that it printed. */
  said: string;
  child: ChildProcess;
  logged: () => string;
  /** `kill -9`. */
  kill(): Promise<void>;
}

/** A signalling server in a process of its own. */
export async function spawnServer(options: Partial<SignalServiceOptions> = {}): Promise<TestProcess & {url: string}> {
  const server = await spawnProcess(options);
  return {...server, url: server.said};
}

/** A peer in the room `room`, in a process of its own. */
export async function spawnClient(url: string): Promise<TestProcess & {self: string}> {
  const client = await spawnProcess({join: url});
  return {...client, self: client.said};
}

async function spawnProcess(options: Partial<SignalServiceOptions> & {join?: string}): Promise<TestProcess> {
  const child = spawn(process.execPath, [SCRIPT, JSON.stringify(options)], {stdio: ['ignore', 'pipe', 'pipe']});
  onTestFinished(() => void child.kill('SIGKILL'));
  let logged = '';
  child.stderr.on('data', (chunk: Buffer) => (logged += chunk.toString()));
  const [line] = (await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error(logged))),
  ])) as [Buffer];
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  return {said: line.toString().trim(), child, logged: () => logged, kill};
}

export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

export interface RedisProcess {
  url: string;
  port: number;
  pid: number;
  stop(): Promise<void>;
}

/** A real Redis on loopback, with a password. */
export async function startRedis(port?: number): Promise<RedisProcess> {
  const chosen = port ?? (await freePort());
  const folder = mkdtempSync(join(tmpdir(), 'quiver-redis-'));
  const flags = [
    '--port',
    String(chosen),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--requirepass',
    'canary',
    '--dir',
    folder,
  ];
  const child = spawn('redis-server', flags, {stdio: ['ignore', 'pipe', 'ignore']});
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(async () => {
    await stop();
    rmSync(folder, {recursive: true, force: true});
  });
  let text = '';
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    text += chunk.toString();
    if (text.includes('Ready to accept connections')) break;
  }
  return {url: `redis://:canary@127.0.0.1:${chosen}`, port: chosen, pid: child.pid ?? 0, stop};
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as AddressInfo;
  server.close();
  return port;
}
