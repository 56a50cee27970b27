import {EXIT, QuiverError} from '../core/errors.ts';

const LIST = 'Copy an id from `quiver receipts list`; a file is found by its path.';

export function receiptUnknown(id: string): QuiverError {
  return new QuiverError({
    code: 'RECEIPT_UNKNOWN',
    message: `No receipt on this machine has an id that begins with ${id}.`,
    fix: LIST,
  });
}

export function receiptsNone(): QuiverError {
  return new QuiverError({
    code: 'RECEIPTS_NONE',
    message: 'There are no receipts on this machine yet.',
    fix: 'Every answer brings one: quiver infer "What is a receipt?"',
  });
}

export function receiptAmbiguous(id: string): QuiverError {
  return new QuiverError({
    code: 'RECEIPT_AMBIGUOUS',
    message: `More than one receipt has an id that begins with ${id}.`,
    fix: 'Give more digits of it, as `quiver receipts list --json` shows them.',
  });
}

export function oneReceiptOnly(count: number): QuiverError {
  return new QuiverError({
    code: 'RECEIPT_NOT_ONE',
    message: `A request or an answer belongs to one receipt, and ${count} were given.`,
    fix: 'Name one receipt: quiver receipts verify ID --response answer.txt',
    exit: EXIT.usage,
  });
}

export function notReceipts(what: string, cause?: unknown): QuiverError {
  return new QuiverError({
    code: 'RECEIPT_UNREADABLE',
    message: `${what} holds no receipt: neither the JSON of \`quiver receipts export\` nor the bytes of one receipt.`,
    fix: 'Make one with `quiver receipts export --output receipts.ndjson`.',
    cause,
  });
}
