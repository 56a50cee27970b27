import {readFile, stat, writeFile} from 'node:fs/promises';
import path from 'node:path';

import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {receiptsDatabase, placesUnder} from '../../../src/lib/config/places.ts';
import {toHex, utf8} from '../../../src/lib/core/bytes.ts';
import {encodeReceipt, receiptDigest} from '../../../src/lib/records/receipt.ts';
import type {SignedReceipt} from '../../../src/lib/records/receipt.ts';
import {saltedHash} from '../../../src/lib/records/salted-hash.ts';
import type {ExportedReceipt} from '../../../src/lib/receipts/exchange.ts';
import {ReceiptStore} from '../../../src/lib/receipts/store.ts';
import {collect, runQuiver, spawnQuiver, temporaryHome} from '../../support/quiver.ts';
import type {RunResult} from '../../support/quiver.ts';
import {signedReceipt} from '../../support/records.ts';

const ANSWER = 'A receipt is a signed record of one request.';
const salt = new Uint8Array(32).fill(9);
const older = signedReceipt({requestId: new Uint8Array(16).fill(1), issuedAt: Date.now() - 7_200_000});
const newer = signedReceipt({
  requestId: new Uint8Array(16).fill(2),
  previous: receiptDigest(older.receipt),
  responseHash: saltedHash(salt, utf8(ANSWER)),
  bytesOut: ANSWER.length,
});
const digestOf = (signed: SignedReceipt): string => toHex(receiptDigest(signed.receipt));

let place: Awaited<ReturnType<typeof temporaryHome>>;
let empty: Awaited<ReturnType<typeof temporaryHome>>;
const inPlace = (name: string): string => path.join(place.home, name);
const quiver = (args: readonly string[], input?: string): Promise<RunResult> =>
  runQuiver(['receipts', ...args], {env: place.env, ...(input === undefined ? {} : {input})});

beforeAll(async () => {
  [place, empty] = await Promise.all([temporaryHome(), temporaryHome()]);
  using store = new ReceiptStore(receiptsDatabase(placesUnder(place.home)));
  store.put(older);
  store.put(newer, {model: 'quiver-tiny', salt});
});
afterAll(async () => {
  await place[Symbol.asyncDispose]();
  await empty[Symbol.asyncDispose]();
});

describe('receipts list', () => {
  it('shows the newest first', async () => {
    const {code, stdout} = await quiver(['list']);
    expect(code).toBe(0);
    const [header, ...rows] = stdout.trim().split('\n');
    expect(header).toMatch(/^WHEN +ID +MODEL +IN +OUT +COST +END +PROVIDER$/);
    expect(rows[0]).toContain(digestOf(newer).slice(0, 12));
    expect(rows[0]).toContain('quiver-tiny');
    expect(rows[1]).toContain(digestOf(older).slice(0, 12));
  });

  it('gives the same as JSON, and filters', async () => {
    const {stdout} = await quiver(['list', '--since', '1h', '--json']);
    const {receipts} = JSON.parse(stdout) as {receipts: ExportedReceipt[]};
    expect(receipts.map(({digest}) => digest)).toEqual([digestOf(newer)]);
    expect(receipts[0]?.receipt['cost']).toBe(String(newer.receipt.cost));
    expect(stdout).not.toContain(toHex(salt));
  });

  it('says how to get one when there is none', async () => {
    const listed = await runQuiver(['receipts', 'list'], {env: empty.env});
    expect(listed).toMatchObject({code: 0, stdout: ''});
    expect(listed.stderr).toContain('quiver infer');
    const shown = await runQuiver(['receipts', 'show'], {env: empty.env});
    expect(shown.code).toBe(1);
    expect(shown.stderr).toContain('no receipts on this machine yet');
  });
});

describe('receipts show', () => {
  it('says every field in plain words', async () => {
    const {code, stdout} = await quiver(['show', digestOf(newer).slice(0, 12)]);
    expect(code).toBe(0);
    for (const text of [digestOf(newer), 'complete', '12 (2 from a cache), 50 bytes', 'Q8_0', newer.receipt.provider]) {
      expect(stdout).toContain(text);
    }
    expect((await quiver(['show'])).stdout).toBe(stdout);
  });

  it('names an id that is not there', async () => {
    const {code, stdout, stderr} = await quiver(['show', '0xffffffffffff', '--json']);
    expect([code, stderr]).toEqual([1, '']);
    expect(JSON.parse(stdout)).toMatchObject({code: 'RECEIPT_UNKNOWN'});
  });
});

describe('receipts export and verify', () => {
  it('wait for a slow reader, and end in peace when it goes away', async () => {
    await using large = await temporaryHome();
    using store = new ReceiptStore(receiptsDatabase(placesUnder(large.home)));
    for (let n = 0; n < 300; n += 1) {
      const requestId = new Uint8Array(16);
      new DataView(requestId.buffer).setUint32(0, n);
      store.put(signedReceipt({requestId}));
    }
    const whole = await collect(spawnQuiver(['receipts', 'export'], {env: large.env}), 30_000);
    expect(whole.stdout.trim().split('\n')).toHaveLength(300);
    const left = spawnQuiver(['receipts', 'export'], {env: large.env});
    left.stdout!.once('data', () => left.stdout!.destroy());
    expect(await collect(left, 30_000)).toMatchObject({code: 0, stderr: ''});
  });

  it('fit together through a pipe', async () => {
    const exported = await quiver(['export']);
    expect(exported.code).toBe(0);
    expect(exported.stdout.trim().split('\n')).toHaveLength(2);
    const verified = await quiver(['verify', '-'], exported.stdout);
    expect(verified.stdout).toContain('2 of 2 receipts are valid.');
    expect(verified.code).toBe(0);
  });

  it('fit together through a file, which is private', async () => {
    const file = inPlace('receipts.ndjson');
    expect(await quiver(['export', digestOf(newer), '--with-salt', '--output', file])).toMatchObject({
      code: 0,
      stdout: '',
    });
    expect((await stat(file)).mode & 0o077).toBe(0);
    expect(await readFile(file, 'utf8')).toContain(toHex(salt));
    expect(await quiver(['verify', file])).toMatchObject({code: 0, stdout: expect.stringMatching(/^valid/) as string});
  });

  it('check one here by its id, and the newest without one', async () => {
    const {code, stdout} = await quiver(['verify', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      ok: true,
      receipts: [{digest: digestOf(newer), ok: true, link: 'checked', problems: []}],
    });
    expect((await quiver(['verify', digestOf(older).slice(0, 14)])).stdout).toContain('previous receipt: first');
  });

  it('check the bytes of one receipt', async () => {
    const file = inPlace('receipt.bin');
    await writeFile(file, encodeReceipt(older));
    expect((await quiver(['verify', file])).code).toBe(0);
  });

  it('name what was changed, and end with 1', async () => {
    const {stdout: line} = await quiver(['export', digestOf(newer)]);
    const cheaper = line.replace(/"tokensOut":\d+/, '"tokensOut":3').replace(/"digest":"0x\w+",/, '');
    const {code, stdout} = await quiver(['verify', '-'], cheaper);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^INVALID/);
    expect(stdout).toContain('not by the payment address');
    expect(stdout).toContain('tokens times price are');
  });

  it('compare an answer with the receipt', async () => {
    const [right, wrong] = [inPlace('answer.txt'), inPlace('other.txt')];
    await writeFile(right, ANSWER);
    await writeFile(wrong, ANSWER.toUpperCase());
    expect((await quiver(['verify', digestOf(newer), '--response', right])).code).toBe(0);
    const changed = await quiver(['verify', digestOf(newer), '--response', wrong, '--json']);
    expect(changed.code).toBe(1);
    expect(changed.stdout).toContain('answer is not the one');
  });

  it('refuse what is no receipt', async () => {
    const {code, stderr} = await quiver(['verify', '-'], 'hello');
    expect(code).toBe(1);
    expect(stderr).toContain('holds no receipt');
  });
});
