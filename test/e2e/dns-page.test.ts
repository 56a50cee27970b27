// docs/operator/dns.md, section 7, followed from top to bottom: a zone, BIND, and a check that goes from red to green.
import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';

import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {freePorts} from '../support/lab/free-ports.ts';
import {collect, ROOT, type RunResult, runQuiver, spawnQuiver, temporaryHome, waitForLine} from '../support/quiver.ts';

const page = readFileSync(path.join(ROOT, 'docs', 'operator', 'dns.md'), 'utf8');
const section = page.slice(page.indexOf('## 7.'));
const lines = [...section.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) => block.trim().split('\n'));
const [, settings = ''] = /```text\n([\s\S]*?)```/.exec(section) ?? [];

const here = process.env['CI'] === 'true' || spawnSync('named', ['-v']).status === 0 ? describe : describe.skip;

here('docs/operator/dns.md (Debian: bind9)', () => {
  let place: Awaited<ReturnType<typeof temporaryHome>>;
  let env: NodeJS.ProcessEnv;
  let peerId = 'none';
  let dnsPort = 0;
  const running: ChildProcess[] = [];

  beforeAll(async () => {
    place = await temporaryHome();
    const [dns = 0, p2p = 0, ws = 0] = await freePorts(3);
    dnsPort = dns;
    // Default ports may be taken here; the settings are the same for the zone and for the bootstrap.
    env = {
      ...place.env,
      QUIVER_BOOTSTRAP_PORT: String(p2p),
      QUIVER_BOOTSTRAP_WS_PORT: String(ws),
      QUIVER_BOOTSTRAP_WEBRTC_PORT: '0',
      QUIVER_ADMIN_PORT: '0',
    };
  });

  afterAll(async () => {
    for (const child of running.filter(({exitCode}) => exitCode === null)) {
      const ended = collect(child, 10_000);
      child.kill('SIGTERM');
      await ended;
    }
    await place[Symbol.asyncDispose]();
  });

  const quiver = (line: string): Promise<RunResult> => {
    const words = line.replace('PEER_ID', peerId).replace(':5353', `:${dnsPort}`).split(' ').slice(1);
    return runQuiver(words, {env, cwd: place.home, timeoutMs: 60_000});
  };

  async function startBind(line: string): Promise<void> {
    writeFileSync(path.join(place.home, 'named.conf'), settings.replace('5353', String(dnsPort)));
    const [program = '', ...args] = line.split(' ');
    const child = spawn(program, args, {cwd: place.home, stdio: ['ignore', 'ignore', 'pipe']});
    running.push(child);
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (/\brunning$/m.test(said)) resolve();
      });
      child.once('exit', () => reject(new Error(said)));
    });
  }

  let checks = 0;
  it.each(lines)('%s', {timeout: 70_000}, async (line) => {
    if (line.startsWith('named')) return startBind(line);
    if (line === 'quiver bootstrap start') {
      const child = spawnQuiver(['bootstrap', 'start'], {env, cwd: place.home});
      running.push(child);
      expect(await waitForLine(child, (text) => text.startsWith('ready: '), 60_000)).toContain('network');
      return;
    }
    const {code, stdout, stderr} = await quiver(line);
    if (line.startsWith('quiver identity create')) peerId = /12D3KooW\w+/.exec(stdout)?.[0] ?? 'none';
    if (line.startsWith('quiver dns check')) {
      checks += 1;
      expect(stdout).toMatch(/^(\d+) of \1 sets are as wanted\.$/m);
      expect(stdout).toMatch(checks === 1 ? /^bootstrap1 +not deployed/m : /^bootstrap1 +up +[\d.]+ ms/m);
      expect(stdout).toMatch(/^gateway +not deployed/m);
      expect({code, stderr}).toMatchObject({code: checks === 1 ? 1 : 0});
      return;
    }
    expect({code, stderr}).toMatchObject({code: line.startsWith('quiver dns plan') ? 3 : 0});
  });

  it('has shown red, then green', () => expect(checks).toBe(2));
});
