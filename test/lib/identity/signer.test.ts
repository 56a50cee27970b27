import * as fc from 'fast-check';
import {Transaction, verifyTypedData, Wallet} from 'ethers';
import {describe, expect, it} from 'vitest';

import {fromHex} from '../../../src/lib/core/bytes.ts';
import {EXIT} from '../../../src/lib/core/errors.ts';
import {remoteSigner} from '../../../src/lib/identity/remote-signer.ts';
import {keySigner, type Signer, type UnsignedTransaction} from '../../../src/lib/identity/signer.ts';
import {startRemoteSigner} from '../../support/remote-signer.ts';

const KEY = `0x${'0'.repeat(63)}7`;
const OTHER_KEY = `0x${'0'.repeat(63)}8`;
const ADDRESS = new Wallet(KEY).address;
const {signal} = new AbortController();

const TRANSACTION: UnsignedTransaction = {
  chainId: 80_002,
  nonce: 3,
  to: new Wallet(OTHER_KEY).address,
  data: '0xdeadbeef',
  value: 5n,
  gasLimit: 90_000n,
  maxFeePerGas: 60_000_000_000n,
  maxPriorityFeePerGas: 25_000_000_000n,
};
const DOMAIN = {name: 'quiver', version: '1', chainId: 80_002, verifyingContract: ADDRESS};
const TYPES = {
  Voucher: [
    {name: 'channelId', type: 'bytes32'},
    {name: 'balance', type: 'uint128'},
  ],
};
const VALUE = {channelId: `0x${'11'.repeat(32)}`, balance: 2n ** 100n};

const local = (): Signer => keySigner(fromHex(KEY, 32)!);
const typedData = (signer: Signer) => signer.signTypedData(DOMAIN, TYPES, VALUE, signal);

describe.each([
  ['key', async () => local()],
  ['remote', async () => remoteSigner({url: await startRemoteSigner([KEY])}, signal)],
])('a %s signer', (_kind, make) => {
  it('signs transactions as the account', async () => {
    const signer = await make();
    expect(signer.address).toBe(ADDRESS);
    const signed = Transaction.from(await signer.signTransaction(TRANSACTION, signal));
    expect(signed.from).toBe(ADDRESS);
    expect(signed.toJSON()).toMatchObject({type: 2, nonce: 3, chainId: '80002', data: '0xdeadbeef', value: '5'});
    expect(await signer.signTransaction({...TRANSACTION, to: null}, signal)).toMatch(/^0x02/);
  });

  it('signs typed data as the account', async () => {
    const signature = await typedData(await make());
    expect(verifyTypedData(DOMAIN, TYPES, VALUE, signature)).toBe(ADDRESS);
  });
});

it('signs the same bytes as ethers, whatever the fields', async () => {
  const amount = fc.bigInt({min: 0n, max: 2n ** 96n});
  const transaction = fc.record({
    chainId: fc.integer({min: 1, max: 2 ** 31}),
    nonce: fc.nat(),
    to: fc.constantFrom(null, TRANSACTION.to),
    data: fc.uint8Array({maxLength: 64}).map((bytes) => `0x${Buffer.from(bytes).toString('hex')}`),
    value: amount,
    gasLimit: fc.bigInt({min: 21_000n, max: 2n ** 40n}),
    maxFeePerGas: amount.map((fee) => fee + 2n ** 96n),
    maxPriorityFeePerGas: amount,
  });
  const wallet = new Wallet(KEY);
  await fc.assert(
    fc.asyncProperty(transaction, async (fields) => {
      expect(await local().signTransaction(fields, signal)).toBe(await wallet.signTransaction({type: 2, ...fields}));
    }),
    {numRuns: 100},
  );
});

describe('a remote signer', () => {
  it('takes the account that was named', async () => {
    const url = await startRemoteSigner([OTHER_KEY, KEY]);
    expect((await remoteSigner({url, address: ADDRESS.toLowerCase()}, signal)).address).toBe(ADDRESS);
    await expect(remoteSigner({url}, signal)).rejects.toMatchObject({
      code: 'REMOTE_SIGNER_ACCOUNT',
      fix: expect.stringContaining('quiver config set wallet.remote_address 0x') as string,
    });
    await expect(remoteSigner({url, address: `0x${'ab'.repeat(20)}`}, signal)).rejects.toMatchObject({
      code: 'REMOTE_SIGNER_ACCOUNT',
      exit: EXIT.usage,
    });
  });

  it('is not trusted with what it signs', async () => {
    const changed = await remoteSigner({url: await startRemoteSigner([KEY], 'wrong-fee')}, signal);
    await expect(changed.signTransaction(TRANSACTION, signal)).rejects.toMatchObject({
      code: 'REMOTE_SIGNER_ANSWER',
      message: expect.stringContaining('another transaction') as string,
    });
    // As Web3Signer did before it knew EIP-712 (Consensys/web3signer#1012).
    const prefixed = await remoteSigner({url: await startRemoteSigner([KEY], 'wrong-prefix')}, signal);
    await expect(typedData(prefixed)).rejects.toMatchObject({code: 'REMOTE_SIGNER_ANSWER'});
    const garbage = await remoteSigner({url: await startRemoteSigner([KEY], 'garbage')}, signal);
    await expect(garbage.signTransaction(TRANSACTION, signal)).rejects.toMatchObject({code: 'REMOTE_SIGNER_ANSWER'});
    await expect(typedData(garbage)).rejects.toMatchObject({code: 'REMOTE_SIGNER_ANSWER'});
  });

  it('passes a refusal on without its control characters', async () => {
    const signer = await remoteSigner({url: await startRemoteSigner([KEY], 'refuse')}, signal);
    await expect(signer.signTransaction(TRANSACTION, signal)).rejects.toMatchObject({
      message: expect.stringMatching(/refused eth_signTransaction: policy  ?\[31mforbids it$/) as string,
      exit: EXIT.refused,
    });
  });

  it('is given up when it is silent, endless or gone', async () => {
    const url = await startRemoteSigner([KEY], 'silent');
    await expect(remoteSigner({url, deadlineMs: 300}, signal)).rejects.toMatchObject({
      code: 'REMOTE_SIGNER_DOWN',
      message: expect.stringContaining('did not answer in time') as string,
    });
    await expect(remoteSigner({url}, AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
    const huge = await startRemoteSigner([KEY], 'huge');
    await expect(remoteSigner({url: huge}, signal)).rejects.toMatchObject({code: 'REMOTE_SIGNER_DOWN'});
    await expect(remoteSigner({url: 'http://127.0.0.1:1'}, signal)).rejects.toMatchObject({code: 'REMOTE_SIGNER_DOWN'});
  });
});
