import {fromHex, fromUtf8, toHex} from '../core/bytes.ts';
import {QuiverError} from '../core/errors.ts';
import {toJson} from '../core/json.ts';
import {receiptFromJson, receiptToJson} from '../records/receipt-json.ts';
import type {ReceiptJson} from '../records/receipt-json.ts';
import {decodeReceipt, RECEIPT_MAX_BYTES} from '../records/receipt.ts';
import type {SignedReceipt} from '../records/receipt.ts';
import {SALT_BYTES} from '../records/salted-hash.ts';
import {notReceipts} from './errors.ts';
import type {ReceiptNotes, StoredReceipt} from './store.ts';

/** Largest file that is read at once; about 40,000 receipts as JSON. */
export const RECEIPT_FILE_MAX_BYTES = 64 * 1024 * 1024;

/** A receipt as one object of an export: with what this machine noted, which nobody signed. */
export interface ExportedReceipt extends ReceiptJson {
  model?: string;
  /** `0x` hex; whoever has it can test guesses of the prompt against the receipt. */
  salt?: string;
}

/** One receipt of a file, or why it could not be read. */
export type ReadReceipt = ({signed: SignedReceipt} & ReceiptNotes) | {problem: string};

/** The salt is left out unless asked for, since it proves to others what was said. */
export function toExport({signed, model, salt}: StoredReceipt, {withSalt}: {withSalt: boolean}): ExportedReceipt {
  return {
    ...receiptToJson(signed),
    ...(model === undefined ? {} : {model}),
    ...(salt !== undefined && withSalt ? {salt: toHex(salt)} : {}),
  };
}

/** Receipts as lines of JSON, each with its line break. */
export function* exportLines(receipts: Iterable<StoredReceipt>, options: {withSalt: boolean}): Generator<string> {
  for (const receipt of receipts) yield `${toJson(toExport(receipt, options))}\n`;
}

/**
 * Reads receipts from a file's bytes: JSON objects, one a line or one in all, or the protobuf of one receipt.
 * `what` names the file in errors. Throws `RECEIPT_UNREADABLE` when there is none in it; a broken one among others is
 * an entry with a problem.
 */
export function readReceipts(bytes: Uint8Array, what: string): ReadReceipt[] {
  const text = fromUtf8(bytes);
  if (text === undefined || !text.trimStart().startsWith('{')) return [readBinary(bytes, what)];
  const whole = parseJson(text);
  if (whole !== undefined) return [readJson(whole)];
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const json = parseJson(line);
      return json === undefined ? {problem: 'This line is not JSON: it was cut or changed.'} : readJson(json);
    });
}

function readBinary(bytes: Uint8Array, what: string): ReadReceipt {
  if (bytes.length === 0 || bytes.length > RECEIPT_MAX_BYTES) throw notReceipts(what);
  try {
    return {signed: decodeReceipt(bytes)};
  } catch (cause) {
    throw notReceipts(what, cause);
  }
}

function readJson(json: object): ReadReceipt {
  const {model, salt} = json as {model?: unknown; salt?: unknown};
  try {
    const saltBytes = typeof salt === 'string' ? fromHex(salt, SALT_BYTES) : undefined;
    return {
      signed: receiptFromJson(json),
      ...(typeof model === 'string' ? {model} : {}),
      ...(saltBytes === undefined ? {} : {salt: saltBytes}),
    };
  } catch (error) {
    if (error instanceof QuiverError) return {problem: error.message};
    throw error;
  }
}

function parseJson(text: string): object | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? json : undefined;
  } catch {
    return undefined;
  }
}
