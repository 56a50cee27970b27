import {QuiverError} from '../core/errors.ts';
import type {Chain} from './chain.ts';
import {RpcRefusal} from './chain-errors.ts';

/**
 * What became of a signed transaction that was handed to a server: `accepted` (also when it had it already), `late`
 * (its nonce is used already, by it or by another), `early` (one with a lower nonce has to come first, and the server
 * keeps none back), `cheap` (it has to offer more).
 */
export type Broadcast = 'accepted' | 'late' | 'early' | 'cheap';

/** Servers differ in their words: geth, bor, erigon, nethermind, EDR. */
const KNOWN = /already known|known transaction|already imported|already exists|alreadyknown/i;
const LATE = /nonce too low|nonce.{0,20}already (?:been )?used|nonce.{0,20}is too low/i;
const EARLY = /nonce too high|nonce gap/i;
const CHEAP =
  /underpriced|fee too low|max fee per gas.{0,30}(?:less|lower|below)|lower than the block|too low for the next block|below.{0,20}minimum/i;
const POOR = /insufficient (?:funds|balance)|doesn't have enough funds|not enough funds/i;

/** Hands signed bytes to the chain. Errors: CHAIN_FUNDS, CHAIN_REFUSED, CHAIN_UNREACHABLE. */
export async function broadcast(chain: Chain, raw: string): Promise<Broadcast> {
  try {
    await chain.request('eth_sendRawTransaction', [raw]);
    return 'accepted';
  } catch (error) {
    const refusal = error instanceof QuiverError && error.cause instanceof RpcRefusal ? error.cause : undefined;
    if (refusal === undefined) throw error;
    if (KNOWN.test(refusal.message)) return 'accepted';
    if (LATE.test(refusal.message)) return 'late';
    if (EARLY.test(refusal.message)) return 'early';
    if (CHEAP.test(refusal.message)) return 'cheap';
    if (!POOR.test(refusal.message)) throw error;
    throw new QuiverError({
      code: 'CHAIN_FUNDS',
      message: `The account can not pay for the transaction: ${refusal.message}`,
      fix: 'Send POL to it, then run the same command again: it goes on where it stopped.',
      cause: error,
    });
  }
}

/** The same bytes again, that a server may have dropped; one that refuses them changes nothing. Throws CHAIN_UNREACHABLE. */
export async function broadcastAgain(chain: Chain, raw: string): Promise<void> {
  await broadcast(chain, raw).catch((error: unknown) => {
    if (!(error instanceof QuiverError) || error.code === 'CHAIN_UNREACHABLE') throw error;
  });
}
