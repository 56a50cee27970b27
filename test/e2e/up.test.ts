import {readdirSync, readFileSync, readlinkSync} from 'node:fs';
import type {ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {join} from 'node:path';

import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {runQuiver, spawnQuiver, temporaryHome, waitForLine, type RunResult} from '../support/quiver.ts';

const QUESTION = 'What is a relay node?';

interface Ready {
  pid: number;
  admin: string;
  services: {name: string; kind: string; peerId?: string; addresses: string[]}[];
}

describe('quiver up --once --ask', () => {
  it('starts a network, answers, verifies the receipt and ends with 0', async () => {
    await using place = await temporaryHome();
    const {code, stdout, stderr} = await runQuiver(['up', '--once', '--ask', QUESTION], place);
    expect({code, stderr: code === 0 ? '' : stderr}).toEqual({code: 0, stderr: ''});
    expect(stdout).toMatch(/^ready: network\.bootstrap \/ip4\/127\.0\.0\.1\//m);
    expect(stdout).toMatch(/^ready: inference\.provider /m);
    expect(stdout.split('\n').at(-2)).toMatch(/relay/i);
    expect(stderr).toMatch(/quiver-tiny by …\w{8} · \d+ tokens · .* tokens\/s · .* QUIV · receipt 0x/);
    expect(stderr).toContain('The receipt is valid');
    expect(readdirSync(join(place.home, 'run'))).toEqual([]);
  });

  it('prints events as JSON lines, the ready event first', async () => {
    await using place = await temporaryHome();
    const {code, stdout} = await runQuiver(['up', '--once', '--ask', QUESTION, '--json'], place);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as {event: string});
    expect(code).toBe(0);
    expect(events[0]?.event).toBe('ready');
    expect([...new Set(events.slice(1).map(({event}) => event))]).toEqual(['chosen', 'token', 'receipt', 'end']);
  });

  it('refuses --once without a question', async () => {
    const {code, stderr} = await runQuiver(['up', '--once']);
    expect(code).toBe(2);
    expect(stderr).toContain('--ask');
  });
});

describe('quiver up', () => {
  let place: Awaited<ReturnType<typeof temporaryHome>>;
  let network: ChildProcess;
  let ready: Ready;
  const quiver = (...args: string[]): Promise<RunResult> => runQuiver(args, place);

  beforeAll(async () => {
    place = await temporaryHome();
    [network, ready] = await start();
  });

  afterAll(async () => {
    if (network.exitCode === null && network.signalCode === null) {
      network.kill('SIGTERM');
      await once(network, 'exit');
    }
    await place[Symbol.asyncDispose]();
  });

  async function start(): Promise<[ChildProcess, Ready]> {
    const child = spawnQuiver(['up', '--json'], place);
    const line = await waitForLine(child, (text) => text.includes('"event":"ready"'));
    return [child, JSON.parse(line) as Ready];
  }

  it('is three nodes with identities of their own', () => {
    const nodes = ready.services.filter(({kind}) => kind === 'network.node');
    expect(new Set(nodes.map(({peerId}) => peerId)).size).toBe(3);
  });

  it.runIf(process.platform === 'linux')('has no socket beyond loopback, before and after an answer', async () => {
    expect(socketsOf(ready.pid).filter((address) => !isLoopback(address))).toEqual([]);
    await quiver('infer', QUESTION);
    const sockets = socketsOf(ready.pid);
    expect(sockets.length).toBeGreaterThan(5);
    expect(sockets.filter((address) => !isLoopback(address))).toEqual([]);
  });

  it('answers, lists models and peers to other commands without a flag', async () => {
    const [answer, models, peers] = await Promise.all([
      quiver('infer', QUESTION),
      quiver('models', '--json'),
      quiver('network', 'peers', '--json'),
    ]);
    expect(answer).toMatchObject({code: 0, stdout: expect.stringMatching(/relay/i) as string});
    expect(JSON.parse(models.stdout)).toMatchObject({models: [{name: 'quiver-tiny', providers: [expect.any(String)]}]});
    expect(peers.code).toBe(0);
    expect(peers.stdout).toContain(ready.services.find(({kind}) => kind === 'network.bootstrap')?.peerId);
  });

  it('cancels on Ctrl-C, with 130 and a receipt for what was made', async () => {
    const before = await receipts();
    const child = spawnQuiver(['infer', QUESTION, '--temperature', '2', '--max-tokens', '400', '--json'], place);
    await waitForLine(child, (line) => line.includes('"event":"token"'));
    child.kill('SIGINT');
    const [code] = (await once(child, 'exit')) as [number | null];
    // The answer may have been complete before the signal arrived.
    expect([0, 130]).toContain(code);
    expect(await receipts()).toBe(before + 1);
  });

  it('is refused a second time, naming the first', async () => {
    const {code, stderr} = await quiver('up');
    expect(code).toBe(1);
    expect(stderr).toContain(String(ready.pid));
    expect(stderr).toContain('quiver stop');
  });

  it('keeps identities and receipts over kill -9', async () => {
    const before = await receipts();
    expect(before).toBeGreaterThan(0);
    network.kill('SIGKILL');
    await once(network, 'exit');
    const peerIds = ready.services.map(({peerId}) => peerId);
    [network, ready] = await start();
    expect(ready.services.map(({peerId}) => peerId)).toEqual(peerIds);
    expect(await receipts()).toBe(before);
    expect((await quiver('infer', QUESTION)).code).toBe(0);
  });

  it('ends with 0 when stopped', async () => {
    const exit = once(network, 'exit');
    expect((await quiver('stop')).code).toBe(0);
    expect(await exit).toEqual([0, null]);
    expect((await quiver('infer', QUESTION)).stderr).toContain('quiver up');
  });

  async function receipts(): Promise<number> {
    const {stdout} = await quiver('receipts', 'list', '--json');
    return (JSON.parse(stdout) as {receipts: unknown[]}).receipts.length;
  }
});

/** Local addresses of the sockets that a process has open, from the kernel's own tables. */
function socketsOf(pid: number): string[] {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      } catch {
        return undefined; // closed meanwhile
      }
    }),
  );
  return ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((row) => row.trim().split(/\s+/))
      .filter((row) => row[9] !== undefined && inodes.has(row[9]))
      .map((row) => `${table} ${row[1] ?? ''}`),
  );
}

/** The kernel writes IPv4 as little-endian hex; `::1` and v4-mapped ones are four such words. */
function isLoopback(socket: string): boolean {
  const address = socket.split(' ')[1]?.split(':')[0] ?? '';
  return /^(?:0000000000000000FFFF0000)?[0-9A-F]{6}7F$/.test(address) || address === '0'.repeat(24) + '01000000';
}
