// Payment channels on a real EVM, each case a state that the one before leads to.
import {beforeAll, describe, expect, it} from 'vitest';

import {findChannel, listChannels, type ChannelView} from '../../../src/lib/settlement/channels/list.ts';
import {
  cancelClosePlan,
  closePlan,
  openPlan,
  pay,
  redeemPlan,
  takeVoucher,
  topUpPlan,
} from '../../../src/lib/settlement/channels/plans.ts';
import {challengeable, redeemable} from '../../../src/lib/settlement/channels/redeemable.ts';
import {ChannelStore} from '../../../src/lib/settlement/channels/store.ts';
import {voucherFromJson, voucherToJson} from '../../../src/lib/settlement/channels/voucher.ts';
import {toJson} from '../../../src/lib/core/json.ts';
import {startMoney, type TestMoney} from '../../support/money.ts';

const QUIV = 10n ** 18n;
const DAY_S = 86_400;

describe('a channel', () => {
  let test: TestMoney;
  let ann: string;
  let bob: string;
  /** The provider's own store. */
  const bobs = new ChannelStore(':memory:');
  const {signal} = new AbortController();

  const annsView = (): Promise<ChannelView> => findChannel(test.money, test.store, ann, bob);
  const bobsView = (): Promise<ChannelView> => findChannel(test.money, bobs, bob, ann);
  const balance = (account: string) => test.money.token.read('balanceOf', [account]);
  const open = () => test.run('ann', openPlan(test.money, {from: ann, provider: bob, amount: 100n * QUIV}));
  const payBob = async (amount: bigint) =>
    pay(test.money, test.store, await annsView(), {amount, signer: test.signer('ann'), signal});
  /** As one hands it to the other: as text. */
  const handOver = async (amount: bigint) => {
    const text = toJson(voucherToJson(await payBob(amount)));
    return takeVoucher(test.money, bobs, voucherFromJson(text), bob);
  };

  beforeAll(async () => {
    test = await startMoney();
    [ann, bob] = [test.address('ann'), test.address('bob')];
  });

  it('is none at first', async () => {
    expect(await listChannels(test.money, test.store, ann)).toEqual([]);
    await expect(annsView()).rejects.toMatchObject({code: 'CHANNEL_UNKNOWN'});
    await expect(redeemable(test.money, bobs, bob, undefined)).rejects.toMatchObject({code: 'VOUCHER_NONE'});
    await expect(openPlan(test.money, {from: ann, provider: ann, amount: 1n})).rejects.toMatchObject({
      code: 'CHANNEL_SELF',
    });
  });

  it('opens once', async () => {
    await open();
    expect(await annsView()).toMatchObject({role: 'payer', deposit: 100n * QUIV, settled: 0n, epoch: 1, payable: 0n});
    expect(await bobsView()).toMatchObject({role: 'provider', payer: ann, signer: ann});
    await expect(open()).rejects.toMatchObject({code: 'CHANNEL_OPEN'});
  });

  it('is found by the first digits of its id', async () => {
    const {id} = await annsView();
    expect((await findChannel(test.money, test.store, ann, id.slice(0, 10).toUpperCase().replace('X', 'x'))).id).toBe(
      id,
    );
    await expect(findChannel(test.money, test.store, ann, id.slice(0, 4))).rejects.toMatchObject({
      code: 'CHANNEL_UNKNOWN',
    });
  });

  it('pays by vouchers that add up, signed as the contract reads them', async () => {
    expect(await handOver(10n * QUIV)).toEqual({isNew: true});
    expect(await handOver(5n * QUIV)).toEqual({isNew: true});
    const {newest, payable} = await bobsView();
    expect(newest?.voucher).toMatchObject({nonce: 2n, balance: 15n * QUIV, epoch: 1});
    expect(payable).toBe(15n * QUIV);
    await expect(payBob(86n * QUIV)).rejects.toMatchObject({
      code: 'CHANNEL_EXHAUSTED',
      fix: `quiver channel topup ${bob} 1`,
    });
    await expect(
      pay(test.money, bobs, await bobsView(), {amount: 1n, signer: test.signer('bob'), signal}),
    ).rejects.toMatchObject({code: 'CHANNEL_NOT_PAYER'});
    await expect(
      pay(test.money, test.store, await annsView(), {amount: 1n, signer: test.signer('carl'), signal}),
    ).rejects.toMatchObject({code: 'VOUCHER_SIGNER'});
  });

  it('is redeemed by its provider, once a voucher', async () => {
    const before = await balance(bob);
    await test.run('bob', redeemPlan(test.money, await redeemable(test.money, bobs, bob, undefined)));
    expect((await balance(bob)) - before).toBe(15n * QUIV);
    expect(await bobsView()).toMatchObject({settled: 15n * QUIV, payable: 0n});
    const used = await bobsView();
    expect(() => redeemPlan(test.money, [used])).toThrow('pays nothing more');
  });

  it('signs nothing on top of what only a server says was paid', async () => {
    const lie = {...(await annsView()), settled: 99n * QUIV};
    const signed = pay(test.money, test.store, lie, {amount: 1n, signer: test.signer('ann'), signal});
    await expect(signed).rejects.toMatchObject({
      code: 'VOUCHER_ELSEWHERE',
      message: expect.stringContaining('99 QUIV'),
    });
  });

  it('is topped up', async () => {
    await test.run('ann', topUpPlan(test.money, await annsView(), {from: ann, amount: 50n * QUIV}));
    expect(await annsView()).toMatchObject({deposit: 150n * QUIV});
  });

  it('is closed by its payer in two steps, and kept open after all', async () => {
    await expect(async () => cancelClosePlan(test.money, await annsView())).rejects.toMatchObject({
      code: 'CHANNEL_NOT_CLOSING',
    });
    await test.run('ann', closePlan(test.money, await annsView()));
    expect((await annsView()).closableAt).toBeGreaterThan(0n);
    await expect(closePlan(test.money, await annsView())).rejects.toMatchObject({code: 'CHANNEL_CLOSING'});
    await test.run('ann', cancelClosePlan(test.money, await annsView()));
    expect((await annsView()).closableAt).toBe(0n);
  });

  it('is challenged: a newer voucher wins while it closes', async () => {
    await handOver(20n * QUIV);
    await expect(challengeable(test.money, bobs, bob, undefined)).rejects.toMatchObject({code: 'CHANNEL_NOT_CLOSING'});
    await test.run('ann', closePlan(test.money, await annsView()));
    const before = await balance(bob);
    await test.run('bob', redeemPlan(test.money, await challengeable(test.money, bobs, bob, undefined)));
    expect((await balance(bob)) - before).toBe(20n * QUIV);
    await test.advance(DAY_S);
    const [annBefore, view] = [await balance(ann), await annsView()];
    await test.run('ann', closePlan(test.money, view));
    expect((await balance(ann)) - annBefore).toBe(115n * QUIV);
    await expect(annsView()).rejects.toMatchObject({code: 'CHANNEL_UNKNOWN'});
    expect(await listChannels(test.money, test.store, ann, {closed: true})).toHaveLength(1);
  });

  it('opens anew with another epoch, so that no old voucher pays', async () => {
    await open();
    expect(await annsView()).toMatchObject({epoch: 2, payable: 0n, newest: undefined});
    expect(await bobsView()).toMatchObject({payable: 0n});
  });

  it('is closed by its provider at once', async () => {
    await handOver(30n * QUIV);
    const [annBefore, bobBefore] = [await balance(ann), await balance(bob)];
    await test.run('bob', closePlan(test.money, await bobsView()));
    expect((await balance(ann)) - annBefore).toBe(70n * QUIV);
    expect((await balance(bob)) - bobBefore).toBe(30n * QUIV);
  });

  it('is closed by its provider without any voucher', async () => {
    await open();
    const before = await balance(ann);
    await test.run('bob', closePlan(test.money, await bobsView()));
    expect((await balance(ann)) - before).toBe(100n * QUIV);
  });

  it('takes vouchers of its own contract and provider only', async () => {
    await open();
    const signed = await payBob(1n * QUIV);
    const elsewhere = {...signed, contract: {...signed.contract, chainId: 137}};
    expect(() => takeVoucher(test.money, bobs, elsewhere, bob)).toThrow('chain 137');
    expect(() => takeVoucher(test.money, bobs, signed, test.address('carl'))).toThrow(bob);
  });

  it('is closed and opened anew by a payer who has lost the vouchers', async () => {
    await handOver(5n * QUIV);
    await test.run('bob', redeemPlan(test.money, await redeemable(test.money, bobs, bob, undefined)));
    using lost = new ChannelStore(':memory:');
    const view = () => findChannel(test.money, lost, ann, bob);
    const payAgain = async () =>
      pay(test.money, lost, await view(), {amount: QUIV, signer: test.signer('ann'), signal});
    const {id} = await view();
    await expect(payAgain()).rejects.toMatchObject({
      code: 'VOUCHER_ELSEWHERE',
      fix: expect.stringContaining(`quiver channel close ${id.slice(0, 10)}`),
    });
    await test.run('ann', closePlan(test.money, await view()));
    await test.advance(DAY_S);
    await test.run('ann', closePlan(test.money, await view()));
    await open();
    expect((await payAgain()).voucher).toMatchObject({nonce: 1n, balance: QUIV});
  });
});

it('is found through a server that looks through few blocks at once', async () => {
  const test = await startMoney({maxLogRange: 600});
  const [from, provider] = [test.address('ann'), test.address('bob')];
  await test.local.mine(2_000);
  await test.run('ann', openPlan(test.money, {from, provider, amount: QUIV}));
  await test.local.mine(2_000);
  await test.run('carl', openPlan(test.money, {from: test.address('carl'), provider, amount: QUIV}));
  expect((await listChannels(test.money, test.store, provider)).map(({payer}) => payer)).toEqual([
    from,
    test.address('carl'),
  ]);
  const impossible = await startMoney({maxLogRange: -1});
  await expect(listChannels(impossible.money, impossible.store, provider)).rejects.toMatchObject({
    code: 'CHAIN_REFUSED',
  });
});
