import {QuiverError} from '../core/errors.ts';
import type {Block, Receipt} from './chain.ts';

// What RPC servers answer, checked: a server that is broken, or lies about what things are, gets an error of its own.

const QUANTITY = /^0x[0-9a-f]{1,64}$/i;
const BYTES = /^0x(?:[0-9a-f]{2})*$/i;
const HASH = /^0x[0-9a-f]{64}$/i;

/** The answer was understood and makes no sense. */
export function badAnswer(method: string, cause?: unknown): QuiverError {
  return new QuiverError({
    code: 'CHAIN_ANSWER',
    message: `The RPC server answered ${method} with something that is no answer to it`,
    fix: 'Try another server: --rpc-url https://…',
    cause,
  });
}

/** `0x…` as a number; never above 2^256. Throws CHAIN_ANSWER. */
export function quantityOf(method: string, answer: unknown): bigint {
  if (typeof answer === 'string' && QUANTITY.test(answer)) return BigInt(answer);
  throw badAnswer(method);
}

/** For what counts blocks, seconds and transactions. Throws CHAIN_ANSWER. */
export function countOf(method: string, answer: unknown): number {
  const count = Number(quantityOf(method, answer));
  if (Number.isSafeInteger(count)) return count;
  throw badAnswer(method);
}

/** Throws CHAIN_ANSWER. */
export function bytesOf(method: string, answer: unknown): string {
  if (typeof answer === 'string' && BYTES.test(answer)) return answer;
  throw badAnswer(method);
}

/** Throws CHAIN_ANSWER. */
export function blockOf(method: string, answer: unknown): Block {
  const raw = fieldsOf(method, answer);
  return {
    number: countOf(method, raw.get('number')),
    hash: hashOf(method, raw.get('hash')),
    timestamp: countOf(method, raw.get('timestamp')),
  };
}

/** Throws CHAIN_ANSWER, also for the receipt of another transaction. */
export function receiptOf(method: string, answer: unknown, hash: string): Receipt {
  const raw = fieldsOf(method, answer);
  if (hashOf(method, raw.get('transactionHash')).toLowerCase() !== hash.toLowerCase()) throw badAnswer(method);
  return {
    hash,
    blockNumber: countOf(method, raw.get('blockNumber')),
    blockHash: hashOf(method, raw.get('blockHash')),
    ok: quantityOf(method, raw.get('status')) === 1n,
    gasUsed: quantityOf(method, raw.get('gasUsed')),
    effectiveGasPrice: quantityOf(method, raw.get('effectiveGasPrice')),
  };
}

/** Throws CHAIN_ANSWER. */
export function fieldsOf(method: string, answer: unknown): ReadonlyMap<string, unknown> {
  if (typeof answer === 'object' && answer !== null) return new Map(Object.entries(answer));
  throw badAnswer(method);
}

/** Throws CHAIN_ANSWER. */
export function listOf(method: string, answer: unknown): readonly unknown[] {
  if (Array.isArray(answer)) return answer;
  throw badAnswer(method);
}

function hashOf(method: string, answer: unknown): string {
  if (typeof answer === 'string' && HASH.test(answer)) return answer;
  throw badAnswer(method);
}
