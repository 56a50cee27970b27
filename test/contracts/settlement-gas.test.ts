import {
  Wallet,
  ZeroAddress,
  Signature,
  TypedDataEncoder,
  concat,
  encodeBytes32String,
  hexlify,
  id,
  keccak256,
  toBeHex,
  type Contract,
  type TransactionResponse,
} from 'ethers';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {deploy, startChain} from './chain.ts';
import {channelId, deepPair, domainOf, packVoucher, payoutLeaf, receiptLeaf} from './settlement-support.ts';
import {signCompact, TYPES} from './settlement-support.ts';

const SNAPSHOT = new URL('../../contracts/snapshots/settlement-transactions.json', import.meta.url).pathname;
const QUIV = 10n ** 18n;
const DAY_S = 86_400;
const ACTIVATION_DELAY_S = 3_600;
const BATCH = 100;
/** Depth of a tree of 100,000 leaves. */
const DEPTH_100K = 17;
const DEPTH_1K = 10;
const gas: Record<string, number> = {};
const ZERO_32 = `0x${'00'.repeat(32)}`;
const RECEIPT = {
  version: 1,
  requestId: id('request').slice(0, 34),
  client: id('client'),
  provider: id('provider'),
  offerDigest: id('offer'),
  modelDigestScheme: 1,
  modelDigest: id('model'),
  quantisation: encodeBytes32String('Q8_0'),
  tokensIn: 1_234,
  cachedTokens: 0,
  bytesIn: 5_678,
  bytesOut: 1_400,
  priceIn: QUIV / 1_000n,
  priceOut: QUIV / 500n,
  cost: 2n * QUIV,
  asset: id('asset').slice(0, 42),
  firstTokenMs: 250,
  totalMs: 4_000,
  finish: 1,
  errorCode: ZERO_32,
  error: ZERO_32,
  requestHash: id('question'),
  responseHash: id('answer'),
  startedAt: 1_800_000_000_000,
  issuedAt: 1_800_000_004_000,
  previous: id('previous'),
  sequence: 3,
};

type Chain = Awaited<ReturnType<typeof startChain>>;
let chain: Chain;
let channels: Contract;
let settlement: Contract;
let token: Contract;
let payer: Wallet;
let provider: Wallet;
let aggregator: Wallet;
let chainId: bigint;

async function measured(name: string, sent: Promise<TransactionResponse>): Promise<void> {
  const receipt = await (await sent).wait();
  gas[name] = Number(receipt?.gasUsed ?? 0n);
}

const run = async (sent: Promise<TransactionResponse>): Promise<void> => void (await (await sent).wait());
const by = (contract: Contract, wallet: Wallet): Contract => contract.connect(wallet) as Contract;

/** Fixed keys, so that equal code costs equal gas: addresses and signatures are paid by the byte. */
const named = (name: string): Wallet => new Wallet(id(name), chain.provider);

async function funded(name: string): Promise<Wallet> {
  const wallet = named(name);
  await chain.provider.send('hardhat_setBalance', [wallet.address, '0x56bc75e2d63100000']);
  await run(token['transfer']!(wallet.address, 100_000n * QUIV));
  await run(by(token, wallet)['approve']!(await channels.getAddress(), 2n ** 256n - 1n));
  await run(by(token, wallet)['approve']!(await settlement.getAddress(), 2n ** 256n - 1n));
  return wallet;
}

async function later(seconds: number): Promise<void> {
  await chain.provider.send('evm_increaseTime', [seconds]);
  await chain.provider.send('evm_mine', []);
}

async function voucher(of: Wallet, epoch: number, nonce: bigint, balance: bigint, signer = of) {
  const channel = channelId(of.address, signer.address, provider.address);
  const domain = domainOf(chainId, await channels.getAddress());
  return signCompact(signer, domain, TYPES.voucher, {channelId: channel, epoch, nonce, balance});
}

beforeAll(async () => {
  chain = await startChain();
  const [deployer] = chain.accounts;
  const owner = await deployer!.getAddress();
  chainId = (await chain.provider.getNetwork()).chainId;
  const authority = await deploy('AccessManager', deployer!, owner);
  token = await deploy('QUIVToken', deployer!, owner);
  channels = await deploy('QUIVerChannels', deployer!, await token.getAddress(), await authority.getAddress());
  settlement = await deploy(
    'QUIVerSettlement',
    deployer!,
    await token.getAddress(),
    await channels.getAddress(),
    await authority.getAddress(),
    10_000n * QUIV,
    ACTIVATION_DELAY_S,
  );
  gas['deploy QUIVerChannels'] = Number((await channels.deploymentTransaction()?.wait())?.gasUsed ?? 0n);
  gas['deploy QUIVerSettlement'] = Number((await settlement.deploymentTransaction()?.wait())?.gasUsed ?? 0n);
  [payer, provider, aggregator] = [await funded('payer'), await funded('provider'), await funded('aggregator')];
});
afterAll(() => chain.stop());

describe('gas of whole transactions, production build, by the rules of Prague', () => {
  it('of a channel', async () => {
    const mine = by(channels, payer);
    await run(mine['openChannel']!(provider.address, named('signer').address, QUIV)); // the contract holds QUIV
    await measured('openChannel', mine['openChannel']!(provider.address, ZeroAddress, 100n * QUIV));
    await measured('topUp', mine['topUp']!(payer.address, ZeroAddress, provider.address, 10n * QUIV));
    const first = await voucher(payer, 1, 7n, 10n * QUIV);
    await measured(
      'redeem first',
      mine['redeem']!(payer.address, ZeroAddress, provider.address, 7n, 10n * QUIV, first.r, first.vs),
    );
    const second = await voucher(payer, 1, 8n, 25n * QUIV);
    await measured(
      'redeem',
      mine['redeem']!(payer.address, ZeroAddress, provider.address, 8n, 25n * QUIV, second.r, second.vs),
    );
    await measured('startClose', mine['startClose']!(ZeroAddress, provider.address));
    const third = await voucher(payer, 1, 9n, 30n * QUIV);
    await measured(
      'redeem while closing',
      mine['redeem']!(payer.address, ZeroAddress, provider.address, 9n, 30n * QUIV, third.r, third.vs),
    );
    await later(DAY_S);
    await measured('finalizeClose', mine['finalizeClose']!(payer.address, ZeroAddress, provider.address));
    await measured('openChannel again', mine['openChannel']!(provider.address, ZeroAddress, 100n * QUIV));
    const last = await voucher(payer, 2, 10n, 5n * QUIV);
    await measured(
      'closeByProvider',
      by(channels, provider)['closeByProvider']!(payer.address, ZeroAddress, 10n, 5n * QUIV, last.r, last.vs),
    );
    const permitted = await funded('permitted');
    await run(by(token, permitted)['approve']!(await channels.getAddress(), 0n));
    const domain = {name: 'QUIV', version: '1', chainId, verifyingContract: await token.getAddress()};
    const permit = {
      owner: permitted.address,
      spender: await channels.getAddress(),
      value: QUIV,
      nonce: 0n,
      deadline: 2n ** 40n,
    };
    const types = {
      Permit: Object.entries({
        owner: 'address',
        spender: 'address',
        value: 'uint256',
        nonce: 'uint256',
        deadline: 'uint256',
      }).map(([name, type]) => ({name, type})),
    };
    const {v, r, s} = Signature.from(await permitted.signTypedData(domain, types, permit));
    await measured(
      'openWithPermit',
      by(channels, permitted)['openWithPermit']!(provider.address, ZeroAddress, QUIV, 2n ** 40n, v, r, s),
    );
  });

  it('of a batch of vouchers', async () => {
    const payers = Array.from({length: BATCH}, (_, number) => named(`payer ${number}`));
    const items: string[] = [];
    for (const wallet of payers) {
      await chain.provider.send('hardhat_setBalance', [wallet.address, '0x56bc75e2d63100000']);
      await run(token['transfer']!(wallet.address, QUIV));
      await run(by(token, wallet)['approve']!(await channels.getAddress(), 2n ** 256n - 1n));
      await run(by(channels, wallet)['openChannel']!(provider.address, ZeroAddress, QUIV));
    }
    for (const wallet of payers) {
      const {r, vs} = await voucher(wallet, 1, 1_000n, QUIV / 4n + 12_345n);
      items.push(packVoucher({payer: wallet.address, nonce: 1_000n, balance: QUIV / 4n + 12_345n, r, vs}));
    }
    await run(by(channels, provider)['redeemBatch']!(provider.address, hexlify(concat(items))));
    items.length = 0;
    for (const wallet of payers) {
      const {r, vs} = await voucher(wallet, 1, 1_001n, QUIV / 3n);
      items.push(packVoucher({payer: wallet.address, nonce: 1_001n, balance: QUIV / 3n, r, vs}));
    }
    await measured(
      'redeemBatch of 100',
      by(channels, provider)['redeemBatch']!(provider.address, hexlify(concat(items))),
    );
    gas['redeemBatch of 100, each'] = Math.ceil(gas['redeemBatch of 100']! / BATCH);
    await run(by(channels, provider)['setMandate']!(await settlement.getAddress(), aggregator.address));
    await measured('bond', by(settlement, aggregator)['bond']!(20_000n * QUIV));
    for (const [name, balance] of [
      ['collect of 100 first', QUIV / 2n],
      ['collect of 100', (QUIV * 3n) / 4n],
    ] as const) {
      items.length = 0;
      for (const wallet of payers) {
        const {r, vs} = await voucher(wallet, 1, 1_002n, balance);
        items.push(packVoucher({payer: wallet.address, nonce: 1_002n, balance, r, vs}));
      }
      await measured(name, by(settlement, aggregator)['collect']!([provider.address], [hexlify(concat(items))]));
    }
    gas['collect of 100, each'] = Math.ceil(gas['collect of 100']! / BATCH);
  });

  it('of batches and claims', async () => {
    const mine = by(settlement, aggregator);
    const second = named('second provider');
    await run(token['transfer']!(second.address, QUIV));
    let total = 0n;
    /** Two providers' leaves below as many siblings as a large tree has; the money is that of `collect`. */
    const submit = async (name: string, epoch: number, depth: number) => {
      total += QUIV + 123_456_789n;
      const half = total / 2n;
      const {root, proofs} = deepPair(payoutLeaf(provider.address, half), payoutLeaf(second.address, half), depth);
      const receiptsRoot = keccak256(toBeHex(epoch, 32));
      const batch = {merkleRoot: root, receiptsRoot, totalAmount: total, receiptCount: 100_000, epoch};
      await measured(name, mine['submitBatch']!(batch));
      await later(ACTIVATION_DELAY_S);
      const claim = (label: string, to: Wallet, proof: string[]) =>
        measured(label, mine['claimCumulative']!(aggregator.address, to.address, half, proof));
      return {
        first: (label: string) => claim(label, provider, proofs[0]),
        next: (label: string) => claim(label, second, proofs[1]),
      };
    };
    const opening = await submit('submitBatch first', 1, DEPTH_100K);
    await opening.first('claimCumulative first of a ledger, 100k providers');
    await opening.next('claimCumulative first of a provider, 100k providers');
    for (let epoch = 2; epoch <= 8; epoch++) await submit('submitBatch second to eighth', epoch, DEPTH_100K);
    const large = await submit('submitBatch', 9, DEPTH_100K);
    await large.first('claimCumulative first of a batch, 100k providers');
    await large.next('claimCumulative, 100k providers');
    const small = await submit('submitBatch', 10, DEPTH_1K);
    await small.first('claimCumulative first of a batch, 1k providers');
    await small.next('claimCumulative, 1k providers');
  });

  it('of proofs of fraud', async () => {
    const mine = by(settlement, aggregator);
    const channel = channelId(payer.address, payer.address, provider.address);
    const domain = domainOf(chainId, await settlement.getAddress());
    const receipt = (nonce: number, tokensOut: number) => ({
      ...RECEIPT,
      paymentAddress: provider.address,
      channelId: channel,
      nonce,
      tokensOut,
    });
    const leafOf = async (index: number, value: object, signer: Wallet) => {
      const signature = await signer.signTypedData(domain, TYPES.receipt, value);
      return {signature, leaf: receiptLeaf(index, TypedDataEncoder.hash(domain, TYPES.receipt, value), signature)};
    };
    const prove = async (epoch: number, other: Wallet, otherNonce: number) => {
      const [first, second] = [receipt(7, 345), receipt(otherNonce, 346)];
      const [one, two] = [await leafOf(0, first, provider), await leafOf(1, second, other)];
      const {root, proofs} = deepPair(one.leaf, two.leaf, DEPTH_100K);
      const totalAmount = BigInt(epoch) * (QUIV + 123_456_789n);
      const merkleRoot = payoutLeaf(provider.address, totalAmount);
      await run(mine['submitBatch']!({merkleRoot, receiptsRoot: root, totalAmount, receiptCount: 100_000, epoch}));
      return [
        {epoch, index: 0, receipt: first, signature: one.signature, proof: proofs[0]},
        {epoch, index: 1, receipt: second, signature: two.signature, proof: proofs[1]},
      ];
    };
    const reporter = by(settlement, payer);
    const [, bad] = await prove(11, payer, 8);
    await measured('proveBadSignature, 100k receipts', reporter['proveBadSignature']!(aggregator.address, bad));
    await run(mine['bond']!(20_000n * QUIV));
    const pair = await prove(12, provider, 7);
    await measured('proveDuplicate, 100k receipts', reporter['proveDuplicate']!(aggregator.address, ...pair));
  });
});

it('is what it was', async () => {
  await expect(`${JSON.stringify(gas, null, 2)}\n`).toMatchFileSnapshot(SNAPSHOT);
});
