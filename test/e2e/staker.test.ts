// docs/staker.md, followed from top to bottom: each of its commands, as it stands there, in one new home.
import {readFileSync} from 'node:fs';
import path from 'node:path';
import type {ChildProcess} from 'node:child_process';

import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {collect, ROOT, type RunResult, runQuiver, spawnQuiver, temporaryHome, waitForLine} from '../support/quiver.ts';

const QUIV = 10n ** 18n;
const PASSWORD = 'canary-password-7f3a';

const page = readFileSync(path.join(ROOT, 'docs', 'staker.md'), 'utf8');
const lines = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) => block.trim().split('\n'));

let place: Awaited<ReturnType<typeof temporaryHome>>;
let env: NodeJS.ProcessEnv;
let chain: ChildProcess;
/** All that any command has printed. */
const printed: string[] = [];

async function startChain(): Promise<void> {
  chain = spawnQuiver(['chain', 'start', '--port', '0', '--json'], {env, cwd: place.home});
  await waitForLine(chain, (line) => line.includes('"event":"ready"'), 60_000);
}

async function quiver(...args: string[]): Promise<RunResult> {
  const result = await runQuiver(args, {env, cwd: place.home, timeoutMs: 60_000});
  printed.push(result.stdout, result.stderr);
  return result;
}

async function json<T>(...args: string[]): Promise<T> {
  const {code, stdout, stderr} = await quiver(...args, '--json');
  expect({code, stderr, stdout: code === 0 ? '' : stdout}).toEqual({code: 0, stderr: '', stdout: ''});
  return JSON.parse(stdout) as T;
}

interface Overview {
  places: {place: string; amount: string}[];
  total: string;
}

const status = () =>
  json<{staked: string; tier: string; isProvider: boolean; autoCompound: boolean}>('stake', 'status');

beforeAll(async () => {
  place = await temporaryHome();
  env = {...place.env, QUIVER_WALLET_PASSWORD: PASSWORD, QUIVER_ADMIN_PORT: '0'};
}, 60_000);

afterAll(async () => {
  if (chain?.exitCode === null) {
    const ended = collect(chain, 10_000);
    chain.kill('SIGTERM');
    await ended;
  }
  await place[Symbol.asyncDispose]();
});

describe('docs/staker.md', () => {
  it('begins with a chain', {timeout: 70_000}, async () => {
    expect(lines.shift()).toBe('quiver chain start');
    await startChain();
  });

  it.each(lines.slice(1))('%s', {timeout: 70_000}, async (line) => {
    const {code, signal, stdout, stderr} = await quiver(...line.split(' ').slice(1));
    expect({code, signal, stderr: code === 0 ? '' : stderr}).toEqual({code: 0, signal: null, stderr: ''});
    expect(stdout).not.toBe('');
    if (line === 'quiver stake 9000 --provider --yes') {
      expect(await status()).toMatchObject({tier: 'Silver', isProvider: true, staked: String(10_000n * QUIV)});
    }
    if (line.startsWith('quiver rewards compound')) {
      const {staked, autoCompound} = await status();
      expect(BigInt(staked)).toBeGreaterThan(10_000n * QUIV);
      expect(autoCompound).toBe(true);
    }
  });

  it('ends with everything back at hand', {timeout: 70_000}, async () => {
    const {places, total} = await json<Overview>('wallet', 'where');
    expect(places).toEqual([{place: 'wallet', amount: total}]);
    expect(BigInt(total)).toBeGreaterThan(100_000n * QUIV);
  });
});

describe('a staker’s bad days', () => {
  it(
    'a command that was killed between its two transactions is finished, not repeated',
    {timeout: 120_000},
    async () => {
      const child = spawnQuiver(['stake', '2000', '--yes'], {env, cwd: place.home});
      const ended = collect(child, 60_000);
      await new Promise<void>((resolve, reject) => {
        child.stderr?.on('data', (chunk: Buffer) => (chunk.toString().includes('[1/2]') ? resolve() : undefined));
        child.once('exit', () => reject(new Error('it ended before its first transaction')));
      });
      child.kill('SIGKILL');
      await ended;
      const again = await quiver('stake', '2000', '--yes');
      expect(again.code).toBe(0);
      expect((await status()).staked).toBe(String(2_000n * QUIV));
    },
  );

  it('says how to get funds, and what is missing', {timeout: 70_000}, async () => {
    const poor = await quiver('stake', '900000000', '--yes');
    expect(poor.code).toBe(1);
    expect(poor.stderr).toMatch(/Try: quiver chain faucet 0x[0-9a-fA-F]{40}/);
    for (const args of [['stake'], ['stake', 'abc', '--yes'], ['stake', '5'], ['stake', 'unstake', '0']]) {
      expect((await quiver(...args)).code, args.join(' ')).toBe(2);
    }
    const unconfirmed = await quiver('stake', '1000');
    expect(unconfirmed).toMatchObject({code: 2, stderr: expect.stringContaining('Add --yes') as string});
  });

  it('a wrong password signs nothing', {timeout: 70_000}, async () => {
    const before = await json<Overview>('wallet', 'where');
    const wrong = {...env, QUIVER_WALLET_PASSWORD: 'not the password'};
    const refused = await runQuiver(['wallet', 'send', '1', `0x${'11'.repeat(20)}`, '--yes'], {env: wrong});
    expect(refused).toMatchObject({code: 4, stderr: expect.stringContaining('password') as string});
    const after = await json<Overview>('wallet', 'where');
    expect(after.places[0]).toEqual(before.places[0]);
  });

  it('the chain is down: a clear error, and everything is there when it is back', {timeout: 120_000}, async () => {
    const before = await status();
    const ended = collect(chain, 10_000);
    chain.kill('SIGTERM');
    await ended;
    const down = await quiver('stake', 'status');
    expect(down).toMatchObject({code: 1, stderr: expect.stringMatching(/quiver (up|chain start)/) as string});
    await startChain();
    expect((await status()).staked).toBe(before.staked);
  });

  it('nothing that was printed holds the password', () => {
    expect(printed.join('\n')).not.toContain(PASSWORD);
    expect(printed.length).toBeGreaterThan(20);
  });
});
