import {toHex} from '../core/bytes.ts';
import {receiptDigest} from '../records/receipt.ts';
import type {Receipt} from '../records/receipt.ts';
import {verifyReceipt} from '../records/verify-receipt.ts';
import type {ReceiptExpectations} from '../records/verify-receipt.ts';
import {oneReceiptOnly} from './errors.ts';
import type {ReadReceipt} from './exchange.ts';

/** What was found about one receipt. */
export interface CheckedReceipt {
  /** `0x` hex; absent when it could not be read. */
  digest?: string;
  receipt?: Receipt;
  ok: boolean;
  problems: string[];
  /** Whether the receipt that it names as previous was at hand, so that the link between them was checked. */
  link: 'first' | 'checked' | 'not at hand';
}

/**
 * Checks receipts offline, each by itself and against the previous ones that are at hand: among those given, or where
 * `find` looks. The chain shows what a party left out or told twice. Throws `RECEIPT_NOT_ONE` when a request or an
 * answer is given for several receipts.
 */
export function checkReceipts(
  entries: readonly ReadReceipt[],
  expected: Omit<ReceiptExpectations, 'findReceipt'> = {},
  find: (digest: Uint8Array) => Receipt | undefined = () => undefined,
): CheckedReceipt[] {
  const aboutText = expected.request !== undefined || expected.response !== undefined;
  if (aboutText && entries.length !== 1) throw oneReceiptOnly(entries.length);
  const given = new Map<string, Receipt>();
  const requests = new Map<string, string>();
  for (const entry of entries) if ('signed' in entry) given.set(identity(entry.signed.receipt), entry.signed.receipt);
  const findReceipt = (digest: Uint8Array): Receipt | undefined => given.get(toHex(digest)) ?? find(digest);

  return entries.map((entry) => {
    if (!('signed' in entry)) return {ok: false, problems: [entry.problem], link: 'not at hand'};
    const {signed, salt} = entry;
    const {receipt} = signed;
    const digest = identity(receipt);
    const known = salt === undefined ? {} : {salt};
    const {problems} = verifyReceipt(signed, {...known, ...expected, findReceipt});
    const request = `${toHex(receipt.requestId)}/${receipt.client}/${receipt.provider}`;
    const twin = requests.get(request);
    if (twin !== undefined) problems.push(`It is for the same request as ${twin}: one request has one receipt.`);
    requests.set(request, digest);
    return {digest, receipt, ok: problems.length === 0, problems, link: linkOf(receipt, findReceipt)};
  });
}

function identity(receipt: Receipt): string {
  return toHex(receiptDigest(receipt));
}

function linkOf({previous}: Receipt, find: (digest: Uint8Array) => Receipt | undefined): CheckedReceipt['link'] {
  if (previous.every((byte) => byte === 0)) return 'first';
  return find(previous) === undefined ? 'not at hand' : 'checked';
}
