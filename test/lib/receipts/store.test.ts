import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, rm, stat} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';

import {afterEach, beforeEach, describe, expect, it} from 'vitest';

import {toHex} from '../../../src/lib/core/bytes.ts';
import {peerFromKey} from '../../../src/lib/records/peer-key.ts';
import {receiptDigest} from '../../../src/lib/records/receipt.ts';
import {ReceiptStore, RECEIPTS_PAGE_MAX} from '../../../src/lib/receipts/store.ts';
import {goodReceipt, signedReceipt} from '../../support/records.ts';

const id = (number: number): Uint8Array => {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(12, number);
  return bytes;
};
const digestOf = (signed: ReturnType<typeof signedReceipt>): string => toHex(receiptDigest(signed.receipt));
const {client, provider} = goodReceipt();
const otherPeer = peerFromKey(new Uint8Array(32).fill(77));

describe('the store', () => {
  let store: ReceiptStore;
  beforeEach(() => (store = new ReceiptStore(':memory:')));
  afterEach(() => store.close());

  it('gives back what it was given', () => {
    const signed = signedReceipt();
    const salt = new Uint8Array(32).fill(9);
    expect(store.put(signed, {model: 'quiver-tiny', salt})).toBe(true);
    const expected = {position: 1, digest: digestOf(signed), signed, model: 'quiver-tiny', salt};
    expect(store.list()).toEqual([expected]);
    expect(store.newest()).toEqual(expected);
    expect(store.get(receiptDigest(signed.receipt))).toEqual(expected);
    expect(store.get(new Uint8Array(32))).toBeUndefined();
  });

  it('keeps the last receipt of a request, whatever the order of arrival', () => {
    const salt = new Uint8Array(32).fill(9);
    expect(store.put(signedReceipt({sequence: 0, finish: 'running', tokensOut: 1}), {salt})).toBe(true);
    expect(store.put(signedReceipt({sequence: 2, tokensOut: 30}), {model: 'a'})).toBe(true);
    expect(store.put(signedReceipt({sequence: 1, finish: 'running', tokensOut: 20}))).toBe(false);
    expect(store.put(signedReceipt({sequence: 2, tokensOut: 31}))).toBe(false);
    const [kept, ...others] = store.list();
    expect(others).toEqual([]);
    expect(kept).toMatchObject({model: 'a', salt, signed: {receipt: {sequence: 2, tokensOut: 30}}});
  });

  it('keeps one receipt for each provider that answered a request', () => {
    store.put(signedReceipt());
    store.put(signedReceipt({provider: otherPeer}));
    expect(store.list()).toHaveLength(2);
  });

  it('knows the last finished receipt between two peers', () => {
    expect(store.last(client, provider)).toBeUndefined();
    const issuedAt = Date.now();
    const slow = {requestId: id(1), issuedAt: issuedAt - 10};
    store.put(signedReceipt({...slow, finish: 'running', tokensOut: 1}));
    store.put(signedReceipt({requestId: id(2), issuedAt: issuedAt - 20}));
    const last = signedReceipt({...slow, sequence: 1});
    store.put(last);
    store.put(signedReceipt({requestId: id(3), finish: 'running', issuedAt}));
    store.put(signedReceipt({requestId: id(4), provider: otherPeer, issuedAt}));
    expect(store.last(client, provider)?.digest).toBe(digestOf(last));
    // From a day on which the clock was wrong; chained to it, all that follow would be older than their previous one.
    store.put(signedReceipt({requestId: id(5), issuedAt: issuedAt + 86_400_000}));
    expect(store.last(client, provider)?.digest).toBe(digestOf(last));
    expect(store.last(client, provider, issuedAt + 86_400_000)?.digest).not.toBe(digestOf(last));
  });

  it('finds a receipt by the first digits of its id or of its request', () => {
    const [one, two] = [signedReceipt({requestId: id(0xabcd)}), signedReceipt({requestId: id(0xabce)})];
    store.put(one);
    store.put(two);
    expect(store.find(digestOf(one)).digest).toBe(digestOf(one));
    expect(store.find(digestOf(two).slice(0, 14)).digest).toBe(digestOf(two));
    expect(store.find(digestOf(two).slice(2, 14).toUpperCase()).digest).toBe(digestOf(two));
    expect(store.find(toHex(id(0xabce))).digest).toBe(digestOf(two));
    const code = (prefix: string): unknown => {
      try {
        return store.find(prefix);
      } catch (error) {
        return (error as {code: string}).code;
      }
    };
    expect(code('0x0000000000')).toBe('RECEIPT_AMBIGUOUS');
    expect(code('0xffffffffffffffffffff')).toBe('RECEIPT_UNKNOWN');
    expect(code(digestOf(one).slice(0, 5))).toBe('RECEIPT_UNKNOWN');
    expect(code(`${digestOf(one)}0`)).toBe('RECEIPT_UNKNOWN');
    expect(code("' OR 1=1 --")).toBe('RECEIPT_UNKNOWN');
    expect(code('%%%%')).toBe('RECEIPT_UNKNOWN');
  });

  it('says that it is empty', () => {
    expect(() => store.newest()).toThrow(expect.objectContaining({code: 'RECEIPTS_NONE'}));
  });

  it('filters', () => {
    const now = Date.now();
    store.put(signedReceipt({requestId: id(1), issuedAt: now - 3_000}), {model: 'a'});
    store.put(signedReceipt({requestId: id(2), issuedAt: now - 2_000, provider: otherPeer}), {model: 'b'});
    store.put(signedReceipt({requestId: id(3), issuedAt: now - 1_000, finish: 'length'}));
    const ids = (filter: Parameters<ReceiptStore['list']>[0]): number[] =>
      store.list(filter).map(({signed}) => signed.receipt.requestId[15]!);
    expect(ids({})).toEqual([3, 2, 1]);
    expect(ids({provider: otherPeer})).toEqual([2]);
    expect(ids({client})).toEqual([3, 2, 1]);
    expect(ids({client: otherPeer})).toEqual([]);
    expect(ids({model: 'a'})).toEqual([1]);
    expect(ids({finish: 'length'})).toEqual([3]);
    expect(ids({since: now - 2_000})).toEqual([3, 2]);
    expect(ids({until: now - 2_000})).toEqual([2, 1]);
    expect(store.list({}, {limit: 1})).toHaveLength(1);
    expect(store.list({}, {limit: 9, beyond: 2}).map(({position}) => position)).toEqual([1]);
  });

  it('answers with a page at most, and gives everything page by page', () => {
    const signed = signedReceipt();
    const count = RECEIPTS_PAGE_MAX + 50;
    for (let number = 0; number < count; number += 1) {
      store.put({...signed, receipt: {...signed.receipt, requestId: id(number)}});
    }
    expect(store.list({}, {limit: count})).toHaveLength(RECEIPTS_PAGE_MAX);
    const positions = Array.from(store.all(), ({position}) => position);
    expect(positions).toHaveLength(count);
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
  });
});

/** Keeps one receipt after the other and prints the digest of each once it is kept. */
const WRITER = `
  import {writeSync} from 'node:fs';
  import {toHex} from './src/lib/core/bytes.ts';
  import {receiptDigest} from './src/lib/records/receipt.ts';
  import {createRequestId} from './src/lib/records/request-for-quote.ts';
  import {ReceiptStore} from './src/lib/receipts/store.ts';
  import {signedReceipt} from './test/support/records.ts';
  const store = new ReceiptStore(process.argv[1]);
  for (;;) {
    const signed = signedReceipt({requestId: createRequestId()});
    store.put(signed);
    writeSync(1, toHex(receiptDigest(signed.receipt)) + '\\n');
  }`;

describe('on the disk', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(path.join(tmpdir(), 'quiver-receipts-'))));
  afterEach(() => rm(folder, {recursive: true, force: true}));

  it('a receipt that was kept is there after kill -9', async () => {
    const file = path.join(folder, 'receipts.db');
    const child = spawn(process.execPath, ['--input-type=module', '--eval', WRITER, file], {
      cwd: path.resolve(import.meta.dirname, '../../..'),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    for await (const chunk of child.stdout) {
      said += String(chunk);
      if (said.split('\n').length > 20) break;
    }
    child.kill('SIGKILL');
    await once(child, 'exit');
    const kept = said.split('\n').filter((line) => /^0x[0-9a-f]{64}$/.test(line));
    expect(kept.length).toBeGreaterThanOrEqual(20);
    using store = new ReceiptStore(file);
    for (const digest of kept) expect(store.find(digest).digest).toBe(digest);
    expect((await stat(file)).mode & 0o077).toBe(0);
  });

  it('two processes can write at once', () => {
    const file = path.join(folder, 'receipts.db');
    using one = new ReceiptStore(file);
    using two = new ReceiptStore(file);
    one.put(signedReceipt({requestId: id(1)}));
    two.put(signedReceipt({requestId: id(2)}));
    expect(one.put(signedReceipt({requestId: id(2)}))).toBe(false);
    expect(one.list()).toHaveLength(2);
  });
});
