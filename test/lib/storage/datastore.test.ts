import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

import {generateKeyPair} from '@libp2p/crypto/keys';
import {peerIdFromPrivateKey} from '@libp2p/peer-id';
import {multiaddr} from '@multiformats/multiaddr';
import {Key, type Datastore} from 'interface-datastore';
import {createLibp2p} from 'libp2p';
import {describe, expect, it} from 'vitest';

import {createSqliteDatastore, type SqliteDatastore} from '../../../src/lib/storage/datastore.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const WRITER = fileURLToPath(new URL('../../support/write-peers.ts', import.meta.url));

function value(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function keys(store: SqliteDatastore, prefix = '/'): Promise<string[]> {
  const found: string[] = [];
  for await (const key of store.queryKeys({prefix})) found.push(key.toString());
  return found;
}

describe('the datastore', () => {
  it('keeps, replaces, lists and deletes across restarts', async () => {
    const path = join(temporaryFolder(), 'peers.db');
    const first = createSqliteDatastore(path);
    first.put(new Key('/peers/a'), value('1'));
    first.put(new Key('/peers/b'), value('2'));
    first.put(new Key('/dht/c'), value('3'));
    first.put(new Key('/peers/a'), value('4'));
    first.delete(new Key('/peers/b'));
    first.delete(new Key('/peers/never-there'));
    first.close();
    first.close();

    const store = createSqliteDatastore(path);
    expect(Buffer.from(store.get(new Key('/peers/a'))).toString()).toBe('4');
    expect(store.has(new Key('/peers/b'))).toBe(false);
    expect(() => store.get(new Key('/peers/b'))).toThrow(expect.objectContaining({name: 'NotFoundError'}));
    expect(await keys(store)).toEqual(['/dht/c', '/peers/a']);
    expect(await keys(store, '/peers/')).toEqual(['/peers/a']);
    store.close();
  });

  it('takes a prefix literally', async () => {
    const store = createSqliteDatastore(':memory:');
    for (const name of ['/a%b', '/aXb', '/a_b', '/é/x']) store.put(new Key(name), value(name));
    expect(await keys(store, '/a%')).toEqual(['/a%b']);
    expect(await keys(store, '/é/')).toEqual(['/é/x']);
    store.close();
  });

  it('does a batch whole', async () => {
    const store = createSqliteDatastore(':memory:');
    store.put(new Key('/peers/old'), value('x'));
    const batch = store.batch();
    batch.put(new Key('/peers/new'), value('y'));
    batch.delete(new Key('/peers/old'));
    expect(await keys(store)).toEqual(['/peers/old']);
    await batch.commit();
    expect(await keys(store)).toEqual(['/peers/new']);

    const broken = store.batch();
    broken.put(new Key('/peers/also'), value('z'));
    broken.put(new Key('/peers/huge'), new Uint8Array(1024 * 1024));
    expect(() => broken.commit()).toThrow(expect.objectContaining({code: 'STORE_VALUE_TOO_LARGE'}));
    expect(await keys(store)).toEqual(['/peers/new']);
    store.close();
  });

  it('can be changed while it is being read', async () => {
    const store = createSqliteDatastore(':memory:');
    for (let n = 0; n < 100; n += 1) store.put(new Key(`/peers/${n}`), value('x'));
    for await (const {key} of store.query({prefix: '/peers/'})) store.delete(key);
    expect(await keys(store)).toEqual([]);
    store.close();
  });

  it('forgets what was written longest ago when it has too many rows', async () => {
    const path = join(temporaryFolder(), 'peers.db');
    const store = createSqliteDatastore(path, {rowLimit: 100});
    for (let n = 0; n < 100; n += 1) store.put(new Key(`/peers/${n}`), value('x'));
    store.put(new Key('/peers/0'), value('again'));
    for (let n = 100; n < 1_000; n += 1) {
      store.put(new Key(`/peers/${n}`), value('x'));
      if (n % 5 === 0) store.put(new Key('/peers/0'), value('again'));
    }
    const left = await keys(store);
    expect(left.length).toBeLessThanOrEqual(100);
    expect(left.length).toBeGreaterThan(80);
    expect(left).toContain('/peers/0');
    expect(left).toContain('/peers/999');
    expect(left).not.toContain('/peers/500');
    store.close();
    const again = createSqliteDatastore(path, {rowLimit: 50});
    again.put(new Key('/peers/x'), value('x'));
    expect((await keys(again)).length).toBeLessThanOrEqual(50);
    again.close();
  });

  it('forgets when it is too large, but never its own certificate keys', async () => {
    const store = createSqliteDatastore(':memory:', {sizeLimitBytes: 100_000});
    for (const own of ['/pkcs8/webrtc', '/info/webrtc', '/libp2p/webrtc-direct/certificate']) {
      store.put(new Key(own), value('mine'));
    }
    let sizeBytes = 0;
    for (let n = 0; n < 500; n += 1) store.put(new Key(`/dht/record/${n}`), new Uint8Array(1_000));
    for await (const pair of store.query({prefix: '/dht/'})) sizeBytes += pair.value.length;
    expect(sizeBytes).toBeLessThanOrEqual(100_000);
    expect(sizeBytes).toBeGreaterThan(70_000);
    expect(await keys(store, '/pkcs8/')).toEqual(['/pkcs8/webrtc']);
    expect(await keys(store, '/libp2p/')).toHaveLength(1);
    store.close();
  });

  it('stores its own keys even when nothing else is left to forget', async () => {
    const store = createSqliteDatastore(':memory:', {rowLimit: 2});
    for (let n = 0; n < 5; n += 1) store.put(new Key(`/pkcs8/${n}`), value('mine'));
    expect(await keys(store)).toHaveLength(5);
    store.close();
  });

  it('loses nothing that was written when its process is killed', async () => {
    const path = join(temporaryFolder(), 'peers.db');
    const child = spawn(process.execPath, [WRITER, path], {stdio: ['ignore', 'pipe', 'inherit']});
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: unknown) => {
      text += String(chunk);
      if (text.length > 5_000) child.kill('SIGKILL');
    });
    await once(child, 'close');
    const stored = text.split('\n').slice(0, -1);
    const store = createSqliteDatastore(path);
    expect(stored.length).toBeGreaterThan(500);
    expect(stored.filter((n) => !store.has(new Key(`/peers/${n}`)))).toEqual([]);
    store.put(new Key('/peers/after'), value('x'));
    store.close();
  });

  it('lets a libp2p node find its peers again after a restart', async () => {
    const path = join(temporaryFolder(), 'peers.db');
    const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'));
    const address = multiaddr('/ip4/127.0.0.1/tcp/4001');
    const nodeOn = async (datastore: Datastore) => createLibp2p({datastore, start: false});

    const first = createSqliteDatastore(path);
    const before = await nodeOn(first);
    await before.peerStore.merge(peer, {multiaddrs: [address], metadata: {kind: value('relay')}});
    first.close();

    const second = createSqliteDatastore(path);
    const after = await nodeOn(second);
    const found = await after.peerStore.get(peer);
    expect(found.addresses.map((each) => each.multiaddr.toString())).toEqual([address.toString()]);
    expect((await after.peerStore.all()).map(({id}) => id.toString())).toEqual([peer.toString()]);
    second.close();
  });
});
