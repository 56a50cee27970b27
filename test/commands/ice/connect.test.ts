import {type ChildProcess} from 'node:child_process';
import {randomBytes, createHash} from 'node:crypto';
import {once} from 'node:events';
import {mkdirSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';

import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {collect, runQuiver, spawnQuiver, temporaryHome, waitForLine} from '../../support/quiver.ts';

const TIMEOUT_MS = 30_000;

describe('quiver ice connect', () => {
  let place: Awaited<ReturnType<typeof temporaryHome>>;
  let signalling: ChildProcess;
  let left: string;
  let right: string;

  const start = (args: readonly string[], input?: string): ChildProcess =>
    spawnQuiver(['ice', 'connect', ...args], {env: place.env, cwd: place.home, ...(input !== undefined && {input})});
  const whoami = async (name: string): Promise<string> =>
    (await runQuiver(['ice', 'connect', '--as', name], {env: place.env})).stdout.trim();

  beforeAll(async () => {
    place = await temporaryHome();
    signalling = spawnQuiver(['signal', 'start', '--port', '0', '--admin-port', '0'], {env: place.env});
    [left, right] = await Promise.all([
      whoami('left'),
      whoami('right'),
      waitForLine(signalling, (line) => line.startsWith('ready: ')),
    ]);
  }, 60_000);

  afterAll(async () => {
    const ended = collect(signalling, 10_000);
    signalling.kill('SIGTERM');
    await ended;
    await place[Symbol.asyncDispose]();
  });

  it('is a pipe between two shells', {timeout: TIMEOUT_MS}, async () => {
    const ends = [
      start([right, '--as', 'left'], 'from the left\n'),
      start([left, '--as', 'right'], 'from the right\n'),
    ];
    const results = await Promise.all(ends.map((end) => collect(end, TIMEOUT_MS)));
    expect(results.map(({code, stdout}) => ({code, stdout}))).toEqual([
      {code: 0, stdout: 'from the right\n'},
      {code: 0, stdout: 'from the left\n'},
    ]);
    expect(results[0]?.stderr).toMatch(/connected \(host\): host 127\.0\.0\.1 port \d+ to host 127\.0\.0\.1/);
  });

  it('sends a file, whole and under a name that is free', {timeout: TIMEOUT_MS}, async () => {
    const content = randomBytes(5_000_000);
    const folder = join(place.home, 'in');
    mkdirSync(folder);
    writeFileSync(join(place.home, 'data.bin'), content);
    writeFileSync(join(folder, 'data.bin'), 'was here before');
    const receiving = collect(start([left, '--as', 'right', '--receive', folder, '--json']), TIMEOUT_MS);
    const sending = collect(start([right, '--as', 'left', '--send', join(place.home, 'data.bin')]), TIMEOUT_MS);
    const [received, sent] = await Promise.all([receiving, sending]);
    expect([received.code, sent.code, sent.stderr]).toEqual([0, 0, expect.stringContaining('sha256')]);
    const sha256 = createHash('sha256').update(content).digest('hex');
    expect(JSON.parse(received.stdout)).toMatchObject({
      received: [{name: 'data.bin', bytes: content.length, sha256, path: join(folder, 'data (1).bin')}],
      connection: {type: 'host'},
    });
    expect(readFileSync(join(folder, 'data (1).bin')).equals(content)).toBe(true);
    expect(readdirSync(folder).toSorted()).toEqual(['data (1).bin', 'data.bin']);
    expect(statSync(join(folder, 'data (1).bin')).mode & 0o777).toBe(0o600);
  });

  describe('with a port', () => {
    let web: Server;
    let port: number;

    beforeAll(async () => {
      web = createServer((request, response) => response.end(`you asked for ${request.url}`)).listen(0, '127.0.0.1');
      await once(web, 'listening');
      ({port} = web.address() as AddressInfo);
    });
    afterAll(() => void web.close());

    it('forwards what the other side allows, and nothing else', {timeout: TIMEOUT_MS}, async () => {
      const serving = start([left, '--as', 'right', '--allow', `127.0.0.1:${port}`]);
      const calling = start([right, '--as', 'left', '--forward', `0:127.0.0.1:${port}`, '--forward', '0:127.0.0.1:1']);
      const ends = [serving, calling].map((end) => collect(end, TIMEOUT_MS));
      let notes = '';
      calling.stderr?.on('data', (chunk: Buffer) => (notes += chunk.toString()));
      await expect.poll(() => notes.match(/forwarding/g)?.length, {timeout: 15_000}).toBe(2);
      const [allowed, other] = [...notes.matchAll(/forwarding 127\.0\.0\.1:(\d+)/g)].map(([, local]) => local);
      const answers = await Promise.all(
        Array.from({length: 20}, async (_, index) => (await fetch(`http://127.0.0.1:${allowed}/${index}`)).text()),
      );
      expect(answers).toEqual(Array.from({length: 20}, (_, index) => `you asked for /${index}`));
      await expect(fetch(`http://127.0.0.1:${other}/`)).rejects.toThrow();
      calling.kill('SIGINT');
      expect((await ends[1])?.code).toBe(130);
      serving.kill('SIGINT');
      expect((await ends[0])?.code).toBe(130);
    });
  });

  it('measures, on both sides at once told to', {timeout: TIMEOUT_MS}, async () => {
    const ends = [
      start([right, '--as', 'left', '--bench', '--json']),
      start([left, '--as', 'right', '--bench', '--json']),
    ];
    const results = await Promise.all(ends.map((end) => collect(end, TIMEOUT_MS)));
    expect(results.map(({code}) => code)).toEqual([0, 0]);
    const reports = results.map(
      ({stdout}) => JSON.parse(stdout) as {bench?: {upMbitPerS: number; downMbitPerS: number}},
    );
    const [bench, none] = reports.map((report) => report.bench).toSorted((a) => (a === undefined ? 1 : -1));
    expect(none).toBeUndefined();
    expect(bench!.upMbitPerS).toBeGreaterThan(1);
    expect(bench!.downMbitPerS).toBeGreaterThan(1);
  });

  it.each([
    ['its own peer id', () => [left, '--as', 'left'], 'ICE_PEER'],
    ['no peer id', () => ['localhost'], 'ICE_PEER'],
    ['a wrong port', () => [right, '--as', 'left', '--forward', 'x'], 'FORWARD_SPEC'],
    ['a name for an identity that is a path', () => ['--as', '../x'], 'IDENTITY_NAME'],
  ])('refuses %s', {timeout: TIMEOUT_MS}, async (_name, args, code) => {
    const result = await collect(start([...args(), '--json']), TIMEOUT_MS);
    expect(result.code).toBe(2);
    expect(JSON.parse(result.stdout)).toMatchObject({code});
  });
});
