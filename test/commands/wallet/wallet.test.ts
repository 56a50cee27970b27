import {statSync, writeFileSync} from 'node:fs';
import path from 'node:path';

import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {LocalNetwork} from '../../support/local-network.ts';
import {runQuiver, temporaryHome} from '../../support/quiver.ts';
import {startRemoteSigner} from '../../support/remote-signer.ts';
import {Terminal} from '../../support/terminal.ts';

/** A secret that must not come out anywhere. */
const KEY = 'c0ffee00'.repeat(8);
const ADDRESS = /^0x[0-9a-fA-F]{40}$/m;
const PASSWORD = 'canary-password-91d2';
const OTHER = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';

describe('without a chain', () => {
  it('makes, imports and shows wallets, and says nothing secret', async () => {
    await using place = await temporaryHome();
    const env = {...place.env, QUIVER_WALLET_PASSWORD: PASSWORD};
    const quiver = (args: string[], input = '') => runQuiver(args, {env, cwd: place.home, input});
    const printed: string[] = [];
    const ok = async (args: string[], input?: string) => {
      const {code, stdout, stderr} = await quiver(args, input);
      expect({code, stderr: code === 0 ? '' : stderr}, args.join(' ')).toEqual({code: 0, stderr: ''});
      printed.push(stdout, stderr);
      return stdout;
    };
    expect(await ok(['wallet', 'create'])).toMatch(ADDRESS);
    expect(statSync(path.join(place.home, 'data', 'wallets', 'default.json')).mode & 0o777).toBe(0o600);
    const piped = await ok(['wallet', 'import', 'piped'], `0x${KEY}\n`);
    writeFileSync(path.join(place.home, 'key.txt'), KEY);
    expect(await ok(['wallet', 'import', 'filed', '--file', 'key.txt', '--json'])).toContain(piped.trim());
    const list = await ok(['wallet', 'show']);
    expect(list.split('\n')).toHaveLength(5);
    expect(list).toMatch(/^default +0x\S+ +in use$/m);
    const again = await quiver(['wallet', 'create']);
    expect(again).toMatchObject({code: 1, stderr: expect.stringContaining('never overwritten') as string});
    const broken = await quiver(['wallet', 'import', 'broken', '--json'], `${KEY}00`);
    expect(broken.code).toBe(2);
    printed.push(broken.stdout, broken.stderr, again.stderr);
    expect(printed.join('\n').toLowerCase()).not.toContain('c0ffee');
    expect(printed.join('\n')).not.toContain(PASSWORD);
  });

  it('takes the password from a file, and without any names the ways', async () => {
    await using place = await temporaryHome();
    const options = {env: place.env, cwd: place.home};
    const none = await runQuiver(['wallet', 'create'], options);
    expect(none).toMatchObject({code: 2, stderr: expect.stringContaining('--password-file') as string});
    writeFileSync(path.join(place.home, 'password.txt'), `${PASSWORD}\r\n`);
    expect((await runQuiver(['wallet', 'create', 'a', '--password-file', 'password.txt'], options)).code).toBe(0);
    const missing = await runQuiver(['wallet', 'create', 'b', '--password-file', 'nothing.txt'], options);
    expect(missing).toMatchObject({code: 2, stderr: expect.stringContaining('nothing.txt') as string});
    const short = {...options, env: {...place.env, QUIVER_WALLET_PASSWORD: 'short'}};
    expect((await runQuiver(['wallet', 'create', 'c'], short)).code).toBe(2);
  });

  it('asks for a password at a terminal, twice and without showing it', async () => {
    await using place = await temporaryHome();
    const first = new Terminal(['wallet', 'create'], {env: place.env, cwd: place.home});
    await first.answer('New password', PASSWORD);
    await first.answer('Again', 'something else');
    expect(await first.end()).toBe(2);
    expect(first.shown).toContain('differ');
    const second = new Terminal(['wallet', 'create'], {env: place.env, cwd: place.home});
    await second.answer('New password', PASSWORD);
    await second.answer('Again', PASSWORD);
    expect(await second.end()).toBe(0);
    expect(second.shown).toMatch(/0x[0-9a-fA-F]{40}/);
    expect(second.shown).not.toContain(PASSWORD);
  });
});

describe('on a local chain', () => {
  let network: LocalNetwork;
  let funded: string;

  beforeAll(async () => {
    network = await LocalNetwork.start();
    funded = await network.address('client');
  }, 70_000);

  afterAll(() => network[Symbol.asyncDispose]());

  interface Balance {
    quiv: string;
    pol: string;
  }
  const balanceOf = (address: string) => network.json<Balance>(['wallet', 'balance', address]);

  it('sends QUIV and POL, and shows what it costs before', {timeout: 60_000}, async () => {
    const dry = await network.run(['wallet', 'send', '12.5', OTHER, '--wallet', 'client', '--dry-run']);
    expect(dry.stdout).toMatch(/Send 12.5 QUIV to 0x7099[\s\S]*Costs about 0\.\d+ POL and 12.5 QUIV/);
    expect((await balanceOf(OTHER)).quiv).toBe('0');
    const sent = await network.run(['wallet', 'send', '12.5', OTHER, '--wallet', 'client', '--yes']);
    expect(sent).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Send 12.5 QUIV to .*: 0x[0-9a-f]{64}\n$/) as string,
    });
    await network.json(['wallet', 'send', '0.5 POL', OTHER, '--token', 'pol', '--wallet', 'client', '--yes']);
    expect(await balanceOf(OTHER)).toMatchObject({quiv: '12500000000000000000', pol: '500000000000000000'});
  });

  it('refuses what cannot be meant', {timeout: 60_000}, async () => {
    const wrongCase = `${OTHER.slice(0, -1)}c`;
    const {contracts} = await network.json<{contracts: {name: string; address: string}[]}>(['contracts', 'status']);
    const staking = contracts.find(({name}) => name === 'QUIVerStaking')!.address;
    const cases: [string[], number, string][] = [
      [['wallet', 'send', '1', wrongCase, '--wallet', 'client', '--yes'], 2, 'is not an address'],
      [['wallet', 'send', '0', OTHER, '--wallet', 'client', '--yes'], 2, 'more than 0'],
      [['wallet', 'send', '1e3', OTHER, '--wallet', 'client', '--yes'], 2, 'decimal amount'],
      [['wallet', 'send', '5 POL', OTHER, '--wallet', 'client', '--yes'], 2, 'decimal amount'],
      [['wallet', 'send', '1', `0x${'0'.repeat(40)}`, '--wallet', 'client', '--yes'], 2, 'nobody’s'],
      [['wallet', 'send', '1', staking, '--wallet', 'client', '--yes'], 2, 'quiver stake AMOUNT'],
      [['wallet', 'send', '99999999', OTHER, '--wallet', 'client', '--yes'], 1, `quiver chain faucet ${funded}`],
      [['wallet', 'send', '1', OTHER, '--wallet', 'nobody', '--yes'], 1, 'quiver wallet create nobody'],
    ];
    for (const [args, code, text] of cases) {
      const result = await network.run(args);
      expect({code: result.code, text: result.stderr.includes(text) ? text : result.stderr}).toEqual({code, text});
    }
  });

  it('honours PRIVATE_KEY with a warning, and never shows it', {timeout: 60_000}, async () => {
    const env = {PRIVATE_KEY: KEY};
    const own = await network.json<{address: string}>(['wallet', 'balance'], {env});
    await network.run(['chain', 'faucet', own.address]);
    const sent = await network.run(['wallet', 'send', '1', OTHER, '--yes'], {env});
    expect(sent).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('Warning: using the key in PRIVATE_KEY') as string,
    });
    const wrong = await network.run(['wallet', 'balance'], {env: {PRIVATE_KEY: `${KEY}0`}});
    expect(wrong.code).toBe(2);
    expect(sent.stdout + sent.stderr + wrong.stderr).not.toContain('c0ffee');
  });

  it('pays and signs through a remote signer', {timeout: 60_000}, async () => {
    const env = {QUIVER_WALLET_REMOTE_SIGNER: await startRemoteSigner([`0x${KEY}`])};
    const sent = await network.json<{status: string}>(['wallet', 'send', '1', OTHER, '--yes'], {env});
    expect(sent.status).toBe('done');
    await network.json(['channel', 'open', OTHER, '5', '--yes'], {env});
    const {signer} = await network.json<{signer: string}>(['channel', 'pay', OTHER, '2'], {env});
    expect(signer).toBe((await network.json<{address: string}>(['wallet', 'balance'], {env})).address);
    const refused = {QUIVER_WALLET_REMOTE_SIGNER: await startRemoteSigner([`0x${KEY}`], 'refuse')};
    const result = await network.run(['wallet', 'send', '1', OTHER, '--yes'], {env: refused});
    expect(result).toMatchObject({code: 4, stderr: expect.stringContaining('forbids it') as string});
  });

  it('asks before it sends, at a terminal', {timeout: 60_000}, async () => {
    const before = (await balanceOf(OTHER)).quiv;
    const args = ['wallet', 'send', '3', OTHER, '--wallet', 'client'];
    const no = new Terminal(args, {env: network.env, cwd: network.home});
    await no.answer('Do it?', '\u001b[B');
    expect(await no.end()).toBe(4);
    expect((await balanceOf(OTHER)).quiv).toBe(before);
    const yes = new Terminal(args, {env: network.env, cwd: network.home});
    await yes.answer('Do it?', '');
    expect(await yes.end()).toBe(0);
    expect(BigInt((await balanceOf(OTHER)).quiv) - BigInt(before)).toBe(3n * 10n ** 18n);
  });

  it('asks how much to stake, showing balance and tiers', {timeout: 60_000}, async () => {
    const terminal = new Terminal(['stake', '--wallet', 'provider', '--provider'], {
      env: network.env,
      cwd: network.home,
    });
    await terminal.answer('How much QUIV', '10000');
    await terminal.answer('Do it?', '');
    expect(await terminal.end()).toBe(0);
    expect(terminal.shown).toMatch(/You have 1000000 QUIV at hand/);
    expect(terminal.shown).toMatch(/Silver +from 10000 QUIV +counts 1.15 times/);
    expect(terminal.shown).toContain('Tier: Silver');
  });
});
