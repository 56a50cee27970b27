import {statSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';

import {afterEach, beforeEach, expect, it, vi} from 'vitest';

import {ReceiptBook} from '../../../src/lib/inference/client/receipt-book.ts';
import {ReceiptStore} from '../../../src/lib/receipts/store.ts';
import {createRequestId} from '../../../src/lib/records/request-for-quote.ts';
import {goodReceipt, signedReceipt} from '../../support/records.ts';

/** Real syncs, counted; whether the disk has room can be decided. */
const syncs = vi.hoisted(() => ({begun: 0, ended: 0, full: false}));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const fdatasync = (fd: number, done: (error: Error | null) => void): void => {
    syncs.begun += 1;
    fs.fdatasync(fd, (error) => {
      syncs.ended += 1;
      done(syncs.full ? Object.assign(new Error('no space left'), {code: 'ENOSPC'}) : error);
    });
  };
  return {...fs, fdatasync};
});

let folder: string;
let store: ReceiptStore;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'quiver-synced-'));
  store = new ReceiptStore(path.join(folder, 'receipts.db'));
  Object.assign(syncs, {begun: 0, ended: 0, full: false});
});
afterEach(async () => {
  store.close();
  await rm(folder, {recursive: true, force: true});
});
const another = (): ReturnType<typeof signedReceipt> => signedReceipt({requestId: createRequestId()});

it('a receipt that a client keeps is on the disk when that resolves', async () => {
  const book = new ReceiptBook(goodReceipt().client, store);
  await book.keep(another(), {});
  expect(syncs.ended).toBe(1);
});

it('receipts that come together share a sync', async () => {
  await Promise.all(
    Array.from({length: 50}, () => {
      store.put(another());
      return store.synced();
    }),
  );
  expect(syncs.begun).toBe(1);
});

it('a receipt that comes during a sync waits for the next one', async () => {
  store.put(another());
  const first = store.synced();
  while (syncs.begun === 0) await Promise.resolve();
  store.put(another());
  await store.synced();
  expect(syncs.ended).toBe(2);
  await first;
});

it('a full disk is told; what it has not taken is written anew, and later ones are synced as ever', async () => {
  const logBytes = (): number => statSync(path.join(folder, 'receipts.db-wal')).size;
  store.put(another());
  syncs.full = true;
  await expect(store.synced()).rejects.toMatchObject({code: 'STORE_FULL'});
  syncs.full = false;
  expect(logBytes()).toBeGreaterThan(0);
  // Of the log the system would say that it is on the disk.
  await store.synced();
  expect([syncs.begun, logBytes()]).toEqual([1, 0]);
  store.put(another());
  await store.synced();
  expect(syncs.begun).toBe(2);
});

it('may be closed while syncs run and wait, which go on', async () => {
  store.put(another());
  const first = store.synced();
  while (syncs.begun === 0) await Promise.resolve();
  store.put(another());
  const second = store.synced();
  store.close();
  await Promise.all([first, second]);
  expect(syncs.ended).toBe(2);
  store = new ReceiptStore(path.join(folder, 'receipts.db'));
  expect(store.list()).toHaveLength(2);
});

it('has nothing to sync in memory', async () => {
  using inMemory = new ReceiptStore(':memory:');
  inMemory.put(another());
  await inMemory.synced();
  expect(syncs.begun).toBe(0);
});
