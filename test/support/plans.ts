import {join} from 'node:path';

import {Transaction} from 'ethers';
import {afterEach, beforeEach} from 'vitest';

import type {Chain} from '../../src/lib/chain/chain.ts';
import type {Deployments} from '../../src/lib/chain/deploy/deployments.ts';
import type {ExecuteOptions} from '../../src/lib/chain/execute.ts';
import {quivTokenAbi} from '../../src/lib/chain/gen/quiv-token.ts';
import {quiverStakingAbi} from '../../src/lib/chain/gen/quiver-staking.ts';
import {TransactionJournal} from '../../src/lib/chain/journal.ts';
import type {TransactionPlan} from '../../src/lib/chain/plan.ts';
import {fromHex, toHex} from '../../src/lib/core/bytes.ts';
import {paymentKeyFromBytes} from '../../src/lib/core/secp256k1.ts';
import {startChain, type TestChain} from './local-chain.ts';
import {temporaryFolder} from './temporary-folder.ts';

export const QUIV = 10n ** 18n;
export const ALICE = '0x00000000000000000000000000000000000A11cE';
export const BOB = '0x0000000000000000000000000000000000000B0b';

export let test: TestChain;
export let chain: Chain;
export let deployments: Deployments;
export let journal: TransactionJournal;

/** Before each test a chain with the contracts on it, and a journal. */
export function startPlans(): void {
  beforeEach(async () => {
    test = await startChain();
    deployments = await test.setUp();
    chain = await test.connect();
    journal = new TransactionJournal(join(temporaryFolder(), 'transactions.db'));
  });
  afterEach(() => journal.close());
}

export const token = () => chain.contract(quivTokenAbi, deployments.contracts.QUIVToken!.address);
export const staking = () => chain.contract(quiverStakingAbi, deployments.contracts.QUIVerStaking!.address);
export const balance = (address: string) => token().read('balanceOf', [address]);

export function transferPlan(...to: [string, bigint][]): TransactionPlan {
  return {
    kind: 'test',
    key: to.join(),
    title: 'Give',
    from: test.account('staker').address,
    steps: to.map(([address, amount]) => ({
      what: `Give ${amount}`,
      to: token().address,
      data: token().encode('transfer', [address, amount]),
      quiv: amount,
    })),
  };
}

export const options = (more: Partial<ExecuteOptions> = {}): ExecuteOptions => ({
  chain,
  journal,
  signer: test.signer('staker'),
  ...more,
});

/** Signs with the account outside of the journal, as another wallet would. */
export async function spendNonceElsewhere(nonce: number): Promise<void> {
  const fees = {maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 9n};
  const made = Transaction.from({type: 2, chainId: 31_337, nonce, to: BOB, value: 1, gasLimit: 21_000, ...fees});
  made.signature = toHex(paymentKeyFromBytes(test.account('staker').secret).sign(fromHex(made.unsignedHash)!));
  await chain.request('eth_sendRawTransaction', [made.serialized]);
}
