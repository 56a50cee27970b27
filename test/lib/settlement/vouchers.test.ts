import * as fc from 'fast-check';
import {AbiCoder, keccak256, verifyTypedData} from 'ethers';
import {describe, expect, it} from 'vitest';

import {fromHex, toHex} from '../../../src/lib/core/bytes.ts';
import {toJson} from '../../../src/lib/core/json.ts';
import {remoteSigner} from '../../../src/lib/identity/remote-signer.ts';
import {keySigner, type Signer} from '../../../src/lib/identity/signer.ts';
import {ChannelStore} from '../../../src/lib/settlement/channels/store.ts';
import {
  channelId,
  checkVoucher,
  compactSignature,
  signVoucher,
  voucherFromJson,
  voucherToJson,
} from '../../../src/lib/settlement/channels/voucher.ts';
import {startRemoteSigner} from '../../support/remote-signer.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const KEY = `0x${'0'.repeat(63)}7`;
const SIGNER = keySigner(fromHex(KEY, 32)!);
const PROVIDER = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const CONTRACT = {chainId: 31_337, address: '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC'};
const PARTIES = {payer: SIGNER.address, signer: SIGNER.address, provider: PROVIDER};
const {signal} = new AbortController();
const SCOPE = {chainKey: '31337:0x1234', contract: CONTRACT};

const TYPES = {
  Voucher: [
    {name: 'channelId', type: 'bytes32'},
    {name: 'epoch', type: 'uint32'},
    {name: 'nonce', type: 'uint64'},
    {name: 'balance', type: 'uint128'},
  ],
};

const voucher = (nonce: bigint, balance: bigint, signer: Signer = SIGNER) =>
  signVoucher(
    {contract: CONTRACT, parties: PARTIES, voucher: {channelId: channelId(PARTIES), epoch: 1, nonce, balance}},
    signer,
    signal,
  );

describe('a voucher', () => {
  it('is signed as EIP-712 has it, by a key here or far away', async () => {
    const remote = await remoteSigner({url: await startRemoteSigner([KEY])}, signal);
    const [here, there] = [await voucher(1n, 2n ** 100n), await voucher(1n, 2n ** 100n, remote)];
    expect(here).toEqual(there);
    const domain = {name: 'quiver', version: '1', chainId: CONTRACT.chainId, verifyingContract: CONTRACT.address};
    const value = {...here.voucher, channelId: toHex(here.voucher.channelId)};
    expect(verifyTypedData(domain, TYPES, value, toHex(here.signature))).toBe(SIGNER.address);
  });

  it('names the channel as the contract does', () => {
    const {payer, signer, provider} = PARTIES;
    const encoded = AbiCoder.defaultAbiCoder().encode(['address', 'address', 'address'], [payer, signer, provider]);
    expect(toHex(channelId(PARTIES))).toBe(keccak256(encoded));
  });

  it('is refused when anything of it was changed', async () => {
    const signed = await voucher(3n, 5n);
    checkVoucher(signed);
    const json = voucherToJson(signed);
    expect(voucherFromJson(toJson(json))).toEqual(signed);
    const changes = {
      nonce: '4',
      balance: '6',
      epoch: 2,
      chainId: 137,
      contract: PROVIDER,
      payer: PROVIDER,
      provider: SIGNER.address,
      channelId: `0x${'00'.repeat(32)}`,
      signature: `0x${'11'.repeat(65)}`,
    };
    for (const [field, value] of Object.entries(changes)) {
      expect(() => voucherFromJson(toJson({...json, [field]: value})), field).toThrow('not valid');
      const {[field]: _, ...rest} = json;
      expect(() => voucherFromJson(toJson(rest)), field).toThrow();
    }
  });

  it('never crashes on other text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(() => voucherFromJson(text)).toThrow(expect.objectContaining({name: 'QuiverError'}) as Error);
      }),
    );
  });

  it('is signed by nobody but the channel’s signer', async () => {
    const other = keySigner(fromHex(`0x${'0'.repeat(63)}8`, 32)!);
    await expect(voucher(1n, 1n, other)).rejects.toMatchObject({code: 'VOUCHER_SIGNER'});
  });

  it('has a compact signature (ERC-2098) that stands for the same', async () => {
    for (let nonce = 1n; nonce < 9n; nonce += 1n) {
      const {signature} = await voucher(nonce, 1n);
      const {r, vs} = compactSignature(signature);
      expect(r).toBe(toHex(signature.subarray(0, 32)));
      const parity = BigInt(vs) >> 255n;
      expect(parity).toBe(BigInt(signature[64]! - 27));
      expect(BigInt(vs) & (2n ** 255n - 1n)).toBe(BigInt(toHex(signature.subarray(32, 64))));
    }
  });
});

describe('the store', () => {
  it('keeps the newest voucher over restarts, whatever comes after it', async () => {
    const path = `${temporaryFolder()}/channels.db`;
    const newest = await voucher(7n, 2n ** 127n);
    {
      using store = new ChannelStore(path);
      expect(store.keep(SCOPE, await voucher(6n, 10n))).toBe(true);
      expect(store.keep(SCOPE, newest)).toBe(true);
      expect(store.keep(SCOPE, newest)).toBe(false);
      expect(store.keep(SCOPE, await voucher(8n, 11n))).toBe(false);
      expect(store.keep(SCOPE, await voucher(9n, 2n ** 127n))).toBe(false);
    }
    using store = new ChannelStore(path);
    expect(store.newest(SCOPE, newest.voucher.channelId, 1)).toEqual(newest);
    expect(store.newest(SCOPE, newest.voucher.channelId, 2)).toBeUndefined();
  });

  it('keeps chains of one id apart', async () => {
    using store = new ChannelStore(':memory:');
    const here = await voucher(7n, 10n);
    store.keep(SCOPE, here);
    const other = {...SCOPE, chainKey: '31337:0x5678'};
    expect(store.newest(other, here.voucher.channelId, 1)).toBeUndefined();
    expect(store.keep(other, await voucher(1n, 1n))).toBe(true);
  });

  it('lets no payer make a provider drop what is worth more', async () => {
    using store = new ChannelStore(':memory:');
    store.keep(SCOPE, await voucher(2n ** 64n - 1n, 1n));
    const worthMore = await voucher(2n, 100n);
    expect(store.keep(SCOPE, worthMore)).toBe(true);
    expect(store.newest(SCOPE, worthMore.voucher.channelId, 1)).toEqual(worthMore);
  });

  it('keeps what pays most, and for payers signs no two that pay for one another', async () => {
    const signed = new Map<string, Awaited<ReturnType<typeof voucher>>>();
    const step = fc.record({nonce: fc.bigInt({min: 1n, max: 6n}), balance: fc.bigInt({min: 1n, max: 6n})});
    await fc.assert(
      fc.asyncProperty(fc.array(step, {minLength: 1, maxLength: 8}), fc.boolean(), async (steps, isPayer) => {
        using store = new ChannelStore(':memory:');
        let best: {nonce: bigint; balance: bigint} = {nonce: 0n, balance: 0n};
        for (const {nonce, balance} of steps) {
          const key = `${nonce}/${balance}`;
          const one = signed.get(key) ?? (await voucher(nonce, balance));
          signed.set(key, one);
          const newer = balance > best.balance && (!isPayer || nonce > best.nonce);
          expect(isPayer ? store.extend(SCOPE, one) : store.keep(SCOPE, one)).toBe(newer);
          if (newer) best = {nonce, balance};
        }
        const {voucher: any} = await voucher(1n, 1n);
        expect(store.newest(SCOPE, any.channelId, 1)?.voucher).toMatchObject(best);
      }),
      {numRuns: 60},
    );
  });
});
