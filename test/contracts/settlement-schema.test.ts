import {AbiCoder, TypedDataEncoder, concat, hexlify, type Contract} from 'ethers';
import * as fc from 'fast-check';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {toHex} from '../../src/lib/core/bytes.ts';
import {structDigest, type Fields, type Struct, type StructValue} from '../../src/lib/records/eip712.ts';
import {receiptDigest, receiptStruct} from '../../src/lib/records/receipt.ts';
import {closeStruct, mandateStruct, voucherDigest, voucherStruct} from '../../src/lib/records/voucher.ts';
import {address, anyReceipt, bytes, uint128, uint32} from '../support/records.ts';
import {deploy, startChain} from './chain.ts';
import {domainOf, payoutLeaf, receiptLeaf, typesOf} from './settlement-support.ts';

const SAMPLES = 1_000;
const FEW_SAMPLES = 200;
/** Thousands of calls, on machines that do other things too. */
const TIMEOUT_MS = 120_000;
const uint64 = fc.bigInt({min: 0n, max: 2n ** 64n - 1n});
const sampled = <T>(values: fc.Arbitrary<T>, numRuns = SAMPLES): T[] => fc.sample(values, {numRuns, seed: 20_260_729});

let chain: Awaited<ReturnType<typeof startChain>>;
let channels: Contract;
let settlement: Contract;
let network: {chainId: number; settlement: string};

beforeAll(async () => {
  chain = await startChain();
  const [deployer] = chain.accounts;
  const owner = await deployer!.getAddress();
  const authority = await (await deploy('AccessManager', deployer!, owner)).getAddress();
  const token = await (await deploy('QUIVToken', deployer!, owner)).getAddress();
  channels = await deploy('QUIVerChannels', deployer!, token, authority);
  settlement = await deploy('QUIVerSettlement', deployer!, token, await channels.getAddress(), authority, 1n, 3_600);
  network = {
    chainId: Number((await chain.provider.getNetwork()).chainId),
    settlement: await settlement.getAddress(),
  };
});
afterAll(() => chain.stop());

/** The fields as this program writes them, one word or two each. */
function wordsOf<F extends Fields>(struct: Struct<F>, value: StructValue<F>): string {
  return hexlify(
    concat(
      struct.entries.map(([name, kind]) => {
        const words = Buffer.alloc(kind.words * 32);
        expect(kind.write(value[name], words, 0)).toBe(true);
        return words;
      }),
    ),
  );
}

/** What the contract makes of those very words. */
async function onChain(contract: Contract, view: string, words: string): Promise<string> {
  const {selector} = contract.interface.getFunction(view)!;
  return chain.provider.call({to: await contract.getAddress(), data: concat([selector, words])});
}

/** What ethers makes of the same words, by the type string alone. */
function byEthers(type: string, words: string, contract: string) {
  const types = typesOf(type);
  const [[name, members]] = Object.entries(types) as [[string, {name: string; type: string}[]]];
  const decoded = AbiCoder.defaultAbiCoder().decode(
    members.map((member) => member.type),
    words,
  );
  const message = Object.fromEntries(members.map((member, index) => [member.name, decoded[index] as unknown]));
  const encoder = TypedDataEncoder.from(types);
  const encoded = encoder.encodeData(name, message);
  return {
    typeHash: encoded.slice(0, 66),
    words: `0x${encoded.slice(66)}`,
    digest: TypedDataEncoder.hash(domainOf(network.chainId, contract), types, message),
  };
}

describe('what this program signs, ethers signs and the contracts check', {timeout: TIMEOUT_MS}, () => {
  it('receipts (bug classes 2 and 5): type hash, encoding, digest and leaf', async () => {
    for (const [index, receipt] of sampled(anyReceipt).entries()) {
      const words = wordsOf(receiptStruct, receipt);
      const mine = toHex(receiptDigest({...receipt, network}));
      const theirs = byEthers(receiptStruct.type, words, network.settlement);
      expect(theirs).toEqual({typeHash: toHex(receiptStruct.typeHash), words, digest: mine});
      expect(await onChain(settlement, 'receiptDigest', words)).toBe(mine);
      const signature = toHex(new Uint8Array(65).fill(index));
      expect(await settlement['receiptLeaf']!(index, mine, signature)).toBe(receiptLeaf(index, mine, signature));
    }
  });

  const onChannels = async <F extends Fields>(struct: Struct<F>, view: string, values: StructValue<F>[]) => {
    const contract = await channels.getAddress();
    for (const value of values) {
      const words = wordsOf(struct, value);
      const digest = toHex(structDigest(struct, value, {chainId: network.chainId, settlement: contract}));
      const theirs = byEthers(struct.type, words, contract);
      expect(theirs).toEqual({typeHash: toHex(struct.typeHash), words, digest});
      expect(await onChain(channels, view, words)).toBe(digest);
    }
  };

  const voucher = fc.record({channelId: bytes(32), epoch: uint32, nonce: uint64, balance: uint128});

  it('vouchers', async () => {
    const values = sampled(voucher);
    await onChannels(voucherStruct, 'voucherDigest', values);
    const at = {chainId: network.chainId, settlement: await channels.getAddress()};
    expect(toHex(voucherDigest(values[0]!, at))).toBe(toHex(structDigest(voucherStruct, values[0]!, at)));
  });

  it('agreements to close', () =>
    onChannels(
      closeStruct,
      'closeDigest',
      sampled(fc.record({channelId: bytes(32), epoch: uint32, balance: uint128}), FEW_SAMPLES),
    ));

  it('mandates', () =>
    onChannels(
      mandateStruct,
      'mandateDigest',
      sampled(
        fc.record({provider: address, collector: address, agent: address, nonce: uint64, deadline: uint64}),
        FEW_SAMPLES,
      ),
    ));

  it('payout leaves (bug class 2)', async () => {
    for (const [to, cumulative] of sampled(fc.tuple(address, uint128))) {
      expect(await settlement['payoutLeaf']!(to, cumulative)).toBe(payoutLeaf(to, cumulative));
    }
  });
});
