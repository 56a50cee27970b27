import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';

import {afterEach, beforeEach, describe, expect, it} from 'vitest';

import {toHex, utf8} from '../../../src/lib/core/bytes.ts';
import {toJson} from '../../../src/lib/core/json.ts';
import {encodeReceipt, receiptDigest} from '../../../src/lib/records/receipt.ts';
import {saltedHash} from '../../../src/lib/records/salted-hash.ts';
import {exportLines, readReceipts} from '../../../src/lib/receipts/exchange.ts';
import type {ReadReceipt} from '../../../src/lib/receipts/exchange.ts';
import {readFileBounded, receiptsFrom} from '../../../src/lib/receipts/source.ts';
import {ReceiptStore} from '../../../src/lib/receipts/store.ts';
import {checkReceipts} from '../../../src/lib/receipts/verify.ts';
import {signedReceipt} from '../../support/records.ts';

const salt = new Uint8Array(32).fill(9);
const first = signedReceipt({requestId: new Uint8Array(16).fill(1), issuedAt: Date.now() - 2_000});
const second = signedReceipt({requestId: new Uint8Array(16).fill(2), previous: receiptDigest(first.receipt)});

let store: ReceiptStore;
beforeEach(() => {
  store = new ReceiptStore(':memory:');
  store.put(first, {model: 'quiver-tiny', salt});
  store.put(second);
});
afterEach(() => store.close());

const exported = (withSalt: boolean): string => [...exportLines(store.all(), {withSalt})].join('');

describe('an export', () => {
  it('is read back as it was', () => {
    expect(readReceipts(utf8(exported(true)), 'it')).toEqual([
      {signed: first, model: 'quiver-tiny', salt},
      {signed: second},
    ]);
  });

  it('has no salt unless that is asked for', () => {
    expect(exported(false)).not.toContain(toHex(salt));
    expect(exported(true)).toContain(toHex(salt));
  });

  it('may be one indented object, or end in blank lines', () => {
    const [line = ''] = exported(false).split('\n');
    expect(readReceipts(utf8(toJson(JSON.parse(line), 2)), 'it')).toEqual([{signed: first, model: 'quiver-tiny'}]);
    expect(readReceipts(utf8(`${line}\r\n\n`), 'it')).toHaveLength(1);
  });

  it('may be the bytes of one receipt', () => {
    expect(readReceipts(encodeReceipt(first), 'it')).toEqual([{signed: first}]);
  });

  it('with a broken line among others names that line only', () => {
    const [one = '', two = ''] = exported(false).split('\n');
    const entries = readReceipts(utf8(`${one.slice(0, -5)}\n${two}\n${two.replace('"stop"', '"halt"')}`), 'it');
    const problem = (entry: ReadReceipt | undefined): string => (entry && 'problem' in entry ? entry.problem : '');
    expect(problem(entries[0])).toMatch(/not JSON/);
    expect(entries[1]).toEqual({signed: second});
    expect(problem(entries[2])).toMatch(/field finish/);
  });

  it.each(['', 'hello', '[1]'])('is not %j', (text) => {
    expect(() => readReceipts(utf8(text), 'this.txt')).toThrow(
      expect.objectContaining({code: 'RECEIPT_UNREADABLE', message: expect.stringContaining('this.txt') as string}),
    );
  });
});

describe('a check of many', () => {
  const check = (...entries: ReadReceipt[]) => checkReceipts(entries);

  it('follows the chain among them, or elsewhere', () => {
    expect(check({signed: first}, {signed: second}).map(({ok, link}) => [ok, link])).toEqual([
      [true, 'first'],
      [true, 'checked'],
    ]);
    expect(check({signed: second})[0]).toMatchObject({ok: true, link: 'not at hand'});
    expect(checkReceipts([{signed: second}], {}, () => first.receipt)[0]).toMatchObject({link: 'checked'});
  });

  it('finds a broken link', () => {
    const backwards = signedReceipt({previous: receiptDigest(second.receipt), issuedAt: Date.now() - 10_000});
    const [, found] = check({signed: second}, {signed: backwards});
    expect(found?.problems.join()).toMatch(/older than the previous/);
  });

  it('finds two receipts for one request', () => {
    const twin = signedReceipt({requestId: first.receipt.requestId, tokensOut: 99});
    expect(check({signed: first}, {signed: twin})[1]?.problems.join()).toMatch(/same request/);
  });

  it('counts what could not be read as wrong', () => {
    expect(check({problem: 'cut'})[0]).toMatchObject({ok: false, problems: ['cut']});
  });

  it('compares a text with one receipt only, and with the salt that came along', () => {
    const answer = utf8('Oslo');
    const signed = signedReceipt({responseHash: saltedHash(salt, answer), bytesOut: answer.length});
    expect(checkReceipts([{signed, salt}], {response: answer})[0]?.ok).toBe(true);
    expect(checkReceipts([{signed, salt}], {response: utf8('Rome')})[0]?.ok).toBe(false);
    expect(checkReceipts([{signed}], {response: answer})[0]?.problems.join()).toMatch(/salt/);
    expect(() => checkReceipts([{signed}, {signed: first}], {response: answer})).toThrow(
      expect.objectContaining({code: 'RECEIPT_NOT_ONE', exit: 2}),
    );
  });
});

describe('what a person names', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(path.join(tmpdir(), 'quiver-receipts-'))));
  afterEach(() => rm(folder, {recursive: true, force: true}));
  const stdin = (text: string): AsyncIterable<Uint8Array> =>
    (async function* () {
      yield utf8(text.slice(0, 10));
      yield utf8(text.slice(10));
    })();

  it('is stdin, a file or an id', async () => {
    const file = path.join(folder, 'receipts.ndjson');
    await writeFile(file, exported(false));
    expect(await receiptsFrom('-', {stdin: stdin(exported(false)), store})).toHaveLength(2);
    expect(await receiptsFrom(file, {stdin: stdin(''), store})).toHaveLength(2);
    const [found] = await receiptsFrom(toHex(receiptDigest(first.receipt)).slice(0, 20), {stdin: stdin(''), store});
    expect(found).toMatchObject({signed: first, salt});
    await expect(receiptsFrom('no-such-file', {stdin: stdin(''), store})).rejects.toMatchObject({
      code: 'RECEIPT_UNKNOWN',
    });
  });

  it('can be a file that cannot be read', async () => {
    await expect(readFileBounded(folder)).rejects.toMatchObject({code: 'FILE_UNREADABLE', exit: 2});
    await expect(readFileBounded(path.join(folder, 'none'))).rejects.toMatchObject({code: 'FILE_UNREADABLE'});
  });

  it('has a bound', async () => {
    const endless = (async function* () {
      for (;;) yield new Uint8Array(8 * 1024 * 1024);
    })();
    await expect(receiptsFrom('-', {stdin: endless, store})).rejects.toMatchObject({code: 'FILE_TOO_LARGE'});
  });
});
