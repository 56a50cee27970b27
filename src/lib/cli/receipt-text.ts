import {toHex} from '../core/bytes.ts';
import {amountToText} from '../core/units.ts';
import type {ReceiptFinish} from '../records/field-kinds.ts';
import type {Receipt} from '../records/receipt.ts';
import type {StoredReceipt} from '../receipts/store.ts';
import type {CheckedReceipt} from '../receipts/verify.ts';

/** Digits of an identity in a table: enough to tell one from a million others. */
const SHORT_ID_CHARACTERS = 12;
/** Last characters of a peer id, which differ; all begin alike. */
const SHORT_PEER_CHARACTERS = 8;
const NO_ADDRESS = /^0x0{40}$/;

const FINISH_WORDS: Readonly<Record<ReceiptFinish, string>> = {
  running: 'unfinished: the last receipt before the provider went away',
  stop: 'complete',
  length: 'cut at the token limit',
  cancelled: 'cancelled by the client',
  error: 'failed',
};

export const RECEIPT_HEADER = ['WHEN', 'ID', 'MODEL', 'IN', 'OUT', 'COST', 'END', 'PROVIDER'];

/** One row of `receipts list`. */
export function receiptRow({digest, model, signed: {receipt}}: StoredReceipt): string[] {
  return [
    timeText(receipt.issuedAt),
    digest.slice(0, SHORT_ID_CHARACTERS),
    model ?? shortDigest(receipt.modelDigest),
    String(receipt.tokensIn),
    String(receipt.tokensOut),
    costText(receipt),
    receipt.finish,
    `…${receipt.provider.slice(-SHORT_PEER_CHARACTERS)}`,
  ];
}

/** Every field of a receipt in plain words, as rows of a table. */
export function receiptLines({digest, model, signed: {receipt}}: StoredReceipt): string[][] {
  const {chainId, settlement} = receipt.network;
  const milliseconds = (value: number): string => `${value} ms`;
  return [
    ['receipt', digest],
    ['request', toHex(receipt.requestId)],
    ['ended', FINISH_WORDS[receipt.finish] + (receipt.error === '' ? '' : `: ${receipt.error}`)],
    ['signed at', timeText(receipt.issuedAt)],
    ['started at', timeText(receipt.startedAt)],
    ['first token after', receipt.tokensOut === 0 ? 'no token' : milliseconds(receipt.firstTokenMs)],
    ['took', milliseconds(receipt.totalMs)],
    ['model', model === undefined ? 'name not noted here' : `${model} (as asked for; not signed)`],
    ['model file', receipt.modelDigest || 'not known'],
    ['quantisation', receipt.quantisation || 'not known'],
    ['tokens in', `${receipt.tokensIn} (${receipt.cachedTokens} from a cache), ${receipt.bytesIn} bytes`],
    ['tokens out', `${receipt.tokensOut}, ${receipt.bytesOut} bytes`],
    ['price', `${amountToText(receipt.priceIn)} in, ${amountToText(receipt.priceOut)} out QUIV per 1,000 tokens`],
    ['cost', `${costText(receipt)} (${receipt.cost} base units)`],
    ['token contract', NO_ADDRESS.test(receipt.asset) ? 'none deployed' : receipt.asset],
    ['client', receipt.client],
    ['provider', receipt.provider],
    ['signed by', receipt.paymentAddress],
    ['accepted offer', hashText(receipt.offerDigest)],
    ['request hash', `${toHex(receipt.requestHash)} (salted)`],
    ['answer hash', `${toHex(receipt.responseHash)} (salted)`],
    ['network', `chain ${chainId}, settlement ${NO_ADDRESS.test(settlement) ? 'not deployed' : settlement}`],
    ['paid through', receipt.nonce === 0n ? 'no channel yet' : `${toHex(receipt.channelId)}, nonce ${receipt.nonce}`],
    ['previous receipt', hashText(receipt.previous)],
    ['number', `${receipt.sequence + 1} of this request, format version ${receipt.version}`],
  ];
}

/** What `receipts verify` says: one line a receipt, its problems below it, and the sum. */
export function verdictLines(receipts: readonly CheckedReceipt[]): string[] {
  const bad = receipts.filter(({ok}) => !ok).length;
  const single = receipts.length === 1;
  return [
    ...receipts.flatMap(({digest, receipt, ok, problems, link}) => [
      `${ok ? 'valid  ' : 'INVALID'} ${digest ?? 'not readable'}${receipt === undefined ? '' : `  ${costText(receipt)}`}`,
      ...(ok && single ? [`        signed by ${receipt?.paymentAddress ?? ''}; previous receipt: ${link}`] : []),
      ...problems.map((problem) => `        ${problem}`),
    ]),
    ...(single ? [] : [`${receipts.length - bad} of ${receipts.length} receipts are valid.`]),
  ];
}

function costText({cost}: Pick<Receipt, 'cost'>): string {
  return `${amountToText(cost)} QUIV`;
}

/** UTC, to the second. */
function timeText(timeMs: number): string {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? `${timeMs} ms` : `${date.toISOString().slice(0, 19)}Z`;
}

function hashText(hash: Uint8Array): string {
  return hash.every((byte) => byte === 0) ? 'none' : toHex(hash);
}

function shortDigest(digest: string): string {
  return digest === '' ? '-' : digest.slice(0, digest.indexOf(':') + 1 + SHORT_ID_CHARACTERS);
}
