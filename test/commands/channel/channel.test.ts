// Two people with a store of their own each: what one signs reaches the other as a line of JSON.
import {writeFileSync} from 'node:fs';
import path from 'node:path';

import {afterAll, beforeAll, expect, it} from 'vitest';

import {LocalNetwork} from '../../support/local-network.ts';

const QUIV = 10n ** 18n;

let network: LocalNetwork;
let client: string;
let provider: string;

interface Channel {
  id: string;
  role: string;
  deposit: string;
  settled: string;
  payable: string;
  closableAt: string;
}

const asClient = (...args: string[]) => [...args, '--wallet', 'client'];
const asProvider = (...args: string[]) => [...args, '--wallet', 'provider'];
const list = async (wallet: string) =>
  (await network.json<{channels: Channel[]}>(['channel', 'list', '--wallet', wallet])).channels;
const balance = async (address: string) =>
  BigInt((await network.json<{quiv: string}>(['wallet', 'balance', address])).quiv);

beforeAll(async () => {
  network = await LocalNetwork.start();
  [client, provider] = [await network.address('client'), await network.address('provider')];
}, 70_000);

afterAll(() => network[Symbol.asyncDispose]());

it('opens, pays and redeems', {timeout: 60_000}, async () => {
  await network.json(asClient('channel', 'open', provider, '25', '--yes'));
  expect(await list('client')).toMatchObject([{role: 'payer', deposit: String(25n * QUIV), payable: '0'}]);
  const paid = await network.run(asClient('channel', 'pay', provider, '2.5'));
  expect(paid).toMatchObject({code: 0, stderr: ''});
  writeFileSync(path.join(network.home, 'voucher.json'), paid.stdout);
  const before = await balance(provider);
  await network.json(asProvider('channel', 'redeem', '--voucher', 'voucher.json', '--yes'));
  expect((await balance(provider)) - before).toBe((5n * QUIV) / 2n);
  expect(await list('provider')).toMatchObject([{role: 'provider', settled: String((5n * QUIV) / 2n), payable: '0'}]);
  const again = await network.run(asProvider('channel', 'redeem', '--voucher', 'voucher.json', '--yes'));
  expect(again).toMatchObject({code: 1, stderr: expect.stringContaining('pays nothing more') as string});
});

it('takes a voucher from stdin, and refuses one that was changed', {timeout: 60_000}, async () => {
  const {stdout} = await network.run(asClient('channel', 'pay', provider, '1'));
  const changed = stdout.replace(/"balance":"\d/, '"balance":"9');
  const redeem = asProvider('channel', 'redeem', '--voucher', '-', '--dry-run');
  expect(await network.run(redeem, {input: changed})).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('not valid') as string,
  });
  const endless = asProvider('channel', 'redeem', '--voucher', '/dev/zero', '--dry-run');
  expect(await network.run(endless)).toMatchObject({code: 2, stderr: expect.stringContaining('65536 bytes') as string});
  expect(await network.run(redeem, {input: stdout})).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Redeem 1 QUIV') as string,
  });
});

it('tops up, begins to close, is challenged and closes', {timeout: 120_000}, async () => {
  const [{id}] = (await list('client')) as [Channel];
  await network.json(asClient('channel', 'topup', id.slice(0, 10), '5', '--yes'));
  const dry = await network.run(asClient('channel', 'close', provider, '--dry-run'));
  expect(dry.stdout).toContain('Begin to close');
  await network.json(asClient('channel', 'close', provider, '--yes'));
  await network.json(asClient('channel', 'close', provider, '--cancel', '--yes'));
  await network.json(asClient('channel', 'close', provider, '--yes'));
  const early = await network.run(asClient('channel', 'close', provider, '--yes'));
  expect(early).toMatchObject({code: 1, stderr: expect.stringContaining('quiver chain advance 1d') as string});
  const before = await balance(provider);
  await network.json(asProvider('channel', 'challenge', '--yes'));
  expect((await balance(provider)) - before).toBe(QUIV);
  await network.json(['chain', 'advance', '1d']);
  const clientBefore = await balance(client);
  await network.json(asClient('channel', 'close', provider, '--yes'));
  expect((await balance(client)) - clientBefore).toBe(30n * QUIV - (7n * QUIV) / 2n);
  expect(await list('client')).toEqual([]);
});
