import {createReadStream, existsSync} from 'node:fs';

import {EXIT, QuiverError} from '../core/errors.ts';
import {readAll} from '../core/read-all.ts';
import {RECEIPT_FILE_MAX_BYTES, readReceipts} from './exchange.ts';
import type {ReadReceipt} from './exchange.ts';
import type {ReceiptStore} from './store.ts';

/**
 * The receipts that a person means by a word: `-` is what comes in on `stdin`, a path is that file, and anything else
 * is the beginning of an id in the store.
 */
export async function receiptsFrom(
  source: string,
  {stdin, store}: {stdin: AsyncIterable<Uint8Array>; store: ReceiptStore},
): Promise<ReadReceipt[]> {
  if (source === '-') return readReceipts(await readReceiptBytes(stdin, 'The input'), 'The input');
  if (existsSync(source)) return readReceipts(await readFileBounded(source), source);
  return [store.find(source)];
}

/** All bytes of a file of at most `RECEIPT_FILE_MAX_BYTES`. Throws `FILE_UNREADABLE` or `FILE_TOO_LARGE`. */
export function readFileBounded(path: string): Promise<Uint8Array> {
  return readReceiptBytes(createReadStream(path), path);
}

async function readReceiptBytes(stream: AsyncIterable<Uint8Array>, what: string): Promise<Uint8Array> {
  try {
    return await readAll(stream, RECEIPT_FILE_MAX_BYTES, () => tooLarge(what));
  } catch (cause) {
    if (cause instanceof QuiverError) throw cause;
    throw new QuiverError({
      code: 'FILE_UNREADABLE',
      message: `${what} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      fix: 'Give the path of a file that you may read.',
      exit: EXIT.usage,
      cause,
    });
  }
}

function tooLarge(what: string): QuiverError {
  return new QuiverError({
    code: 'FILE_TOO_LARGE',
    message: `${what} has more than ${RECEIPT_FILE_MAX_BYTES / 2 ** 20} MiB.`,
    fix: 'Split it into smaller files: split --line-bytes=32M receipts.ndjson part-',
    exit: EXIT.usage,
  });
}
