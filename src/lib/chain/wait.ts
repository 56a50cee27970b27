import {QuiverError} from '../core/errors.ts';
import {pause} from '../core/pause.ts';
import type {Chain, Receipt} from './chain.ts';
import type {Attempt, JournalStep} from './journal.ts';

/** A nonce that is gone without a receipt of ours is believed after so many looks: servers may be a block apart. */
const LOOKS_BEFORE_SUPERSEDED = 3;

export interface StepTiming {
  /** Between two looks at the chain. */
  pollMs: number;
  /** Blocks that have to contain or follow a transaction before it counts. */
  confirmations: number;
  /** Without a receipt for so long, it is sent again with a higher fee. */
  stuckMs: number;
  /** Then the command gives up waiting; running it again goes on. */
  giveUpMs: number;
}

export interface WaitOptions {
  account: string;
  nonce: number;
  /** Any of them may be the one that is mined. */
  attempts: readonly Attempt[];
  timing: StepTiming;
  signal?: AbortSignal | undefined;
}

export type WaitOutcome =
  | {kind: 'mined'; receipt: Receipt}
  /** It was seen in a block that is no longer part of the chain. */
  | {kind: 'reorged'}
  /** Another transaction of the account used the nonce. */
  | {kind: 'superseded'}
  | {kind: 'stuck'};

/** Waits until a transaction is mined and confirmed, or something else has become of it. */
export async function waitFor(chain: Chain, options: WaitOptions, onWait: () => void): Promise<WaitOutcome> {
  const {attempts, timing, signal} = options;
  const started = performance.now();
  let seen = false;
  let gone = 0;
  let told = false;
  for (;;) {
    signal?.throwIfAborted();
    const receipt = await patiently(() => findReceipt(chain, attempts));
    if (receipt !== undefined && receipt !== 'unknown') {
      seen = true;
      if ((await patiently(() => isConfirmed(chain, receipt, timing.confirmations))) === true)
        return {kind: 'mined', receipt};
    } else if (receipt === undefined) {
      if (seen) return {kind: 'reorged'};
      gone = (await patiently(() => isNonceGone(chain, options))) === true ? gone + 1 : 0;
      if (gone >= LOOKS_BEFORE_SUPERSEDED) return {kind: 'superseded'};
      if (gone === 0 && performance.now() - started > timing.stuckMs) return {kind: 'stuck'};
    } else if (performance.now() - started > timing.giveUpMs) {
      throw receiptUnknown(chain, attempts.at(-1)?.hash ?? '');
    }
    if (!told) onWait();
    told = true;
    await pause(timing.pollMs, signal);
  }
}

/** An outage while waiting changes nothing about the transaction. */
async function patiently<T>(look: () => Promise<T>): Promise<T | 'unknown'> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof QuiverError && error.code.startsWith('CHAIN_')) return 'unknown';
    throw error;
  }
}

async function findReceipt(chain: Chain, attempts: readonly Attempt[]): Promise<Receipt | undefined> {
  // The newest is the likeliest.
  for (const {hash} of attempts.toReversed()) {
    const receipt = await chain.receipt(hash);
    if (receipt !== undefined) return receipt;
  }
  return undefined;
}

async function isConfirmed(chain: Chain, receipt: Receipt, confirmations: number): Promise<boolean> {
  const latest = await chain.block('latest');
  if (latest.number - receipt.blockNumber + 1 < confirmations) return false;
  return (await chain.block(receipt.blockNumber)).hash === receipt.blockHash;
}

/** Whether the account's nonce had passed ours already so many blocks ago that it stays so. */
async function isNonceGone(chain: Chain, {account, nonce, timing}: WaitOptions): Promise<boolean> {
  if ((await chain.nonce(account, 'latest')) <= nonce) return false;
  const latest = await chain.block('latest');
  const deep = Math.max(0, latest.number - timing.confirmations + 1);
  return (await chain.nonce(account, deep)) > nonce;
}

export function stillPending(chain: Chain, hash: string, afterMs: number): QuiverError {
  const link = chain.link({transaction: hash});
  return new QuiverError({
    code: 'TX_PENDING',
    message: `The transaction ${hash} was not mined within ${Math.round(afterMs / 1000)} s${link === undefined ? '' : ` (${link})`}`,
    fix: 'Run the same command again: it goes on waiting, offers a higher fee, and pays nothing twice.',
  });
}

/** It was signed for a nonce that the account is far from: by what a server said, or before another wallet took one back. */
export function outOfTurn(hash: string, nonce: number, next: number): QuiverError {
  return new QuiverError({
    code: 'TX_PENDING',
    message: `The transaction ${hash} is number ${nonce} of its account, whose next one is ${next}: it has to wait`,
    fix: 'Run the same command again once the others are sent. If there are none, an RPC server lied: name another with --rpc-url; other commands go on.',
  });
}

export function forgotten(chain: Chain, {what}: JournalStep, hash: string): QuiverError {
  return new QuiverError({
    code: 'TX_UNKNOWN',
    message: `Whether "${what}" was done is not known: the transaction ${hash} is old, and no server knows it any more`,
    fix: `Look at ${chain.link({transaction: hash}) ?? 'quiver wallet where'}. If it was not done, run the command again: it starts anew.`,
  });
}

function receiptUnknown(chain: Chain, hash: string): QuiverError {
  return new QuiverError({
    code: 'CHAIN_UNREACHABLE',
    message: `No RPC server of ${chain.profile.chain.name} answers any more; the transaction ${hash} was sent`,
    fix: 'Run the same command again once there is a connection: it goes on waiting and pays nothing twice.',
  });
}

/** The error for a transaction that was mined and reverted: asked again in its block, the contract says why. */
export async function failed(chain: Chain, account: string, step: JournalStep): Promise<QuiverError> {
  const {to, data, value = 0n, block = 1, hash = ''} = step;
  let reason = 'it reverted, though it did not in the simulation';
  let fix = 'Something changed in between. Run the command again: it simulates anew.';
  try {
    await chain.call({from: account, to, data, value}, Math.max(0, block - 1));
  } catch (error) {
    if (error instanceof QuiverError && error.code === 'REVERTED') ({message: reason, fix} = error);
  }
  const link = chain.link({transaction: hash});
  return new QuiverError({
    code: 'TX_FAILED',
    message: `"${step.what}" failed in block ${block} (${link ?? hash}): ${reason}`,
    fix,
  });
}
