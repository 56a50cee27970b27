import {generateKeyPair} from '@libp2p/crypto/keys';
import pino from 'pino';
import {afterEach, describe, expect, it} from 'vitest';

import {controlSocket, placesUnder, receiptsDatabase} from '../../src/lib/config/places.ts';
import {BUILT_IN_PROFILES} from '../../src/lib/config/profile.ts';
import {generatePaymentSecret, paymentKeyFromBytes} from '../../src/lib/core/secp256k1.ts';
import {createClient} from '../../src/lib/index.ts';
import {ClientService} from '../../src/lib/inference/client/client-service.ts';
import {ProviderService} from '../../src/lib/inference/provider/provider-service.ts';
import {NodeService} from '../../src/lib/p2p/node-service.ts';
import {ReceiptStore} from '../../src/lib/receipts/store.ts';
import {createHost} from '../../src/lib/service/host.ts';
import type {Host} from '../../src/lib/service/host.ts';
import {ScriptedBackend} from '../support/scripted-backend.ts';
import {temporaryFolder} from '../support/temporary-folder.ts';

const local = BUILT_IN_PROFILES.get('local')!;
const shared = {
  network: {chainId: local.chain.id, settlement: local.settlement},
  protocolPrefix: local.protocolPrefix,
};
const TEN_WORDS = Array.from({length: 10}, (_, at) => `word${at + 1} `).join('');

let host: Host | undefined;
afterEach(async () => {
  await host?.stop();
  host = undefined;
});

/** A provider with a client beside it, as one process of the profile local. */
async function run(
  home: string,
  backend = new ScriptedBackend(),
): Promise<{addresses: string[]; backend: ScriptedBackend}> {
  const peerKey = await generateKeyPair('Ed25519');
  const node = new NodeService({
    name: 'node',
    roles: ['provider'],
    profile: local,
    privateKey: peerKey,
    listen: {host: '127.0.0.1', tcp: 0},
    bootstrap: [],
    mdns: false,
  });
  const paymentKey = paymentKeyFromBytes(generatePaymentSecret());
  const prices = {priceIn: 1n, priceOut: 1n};
  host = createHost({
    services: [
      node,
      new ProviderService({...shared, node, peerKey, paymentKey, prices, backends: [backend], agentVersion: 'test'}),
      new ClientService({...shared, node, peerKey, receipts: ':memory:'}),
    ],
    log: pino({level: 'silent'}),
    profile: 'local',
    version: 'test',
    socketPath: controlSocket(placesUnder(home), 'local'),
  });
  await host.start();
  return {addresses: node.info().publicAddresses, backend};
}

describe('createClient', () => {
  it('streams an answer through the quiver that runs on this machine', async () => {
    const home = temporaryFolder();
    await run(home);
    const client = createClient({home});
    const tokens: string[] = [];
    for await (const token of client.infer({model: 'parrot', prompt: 'Hello, world!', maxTokens: 100}))
      tokens.push(token);
    expect(tokens.join('')).toBe(TEN_WORDS);
    expect(await client.models()).toMatchObject([{name: 'parrot:latest', priceOut: 1n, contextTokens: 4_096}]);
    const events = await Array.fromAsync(client.events({messages: [{role: 'user', content: 'Hi'}]}));
    expect(events.at(-1)).toMatchObject({event: 'end', cost: 1n, receipt: expect.stringMatching(/^0x/)});
    await client.close();
  });

  it('cancels at the provider when the loop is left or the signal aborts', async () => {
    const home = temporaryFolder();
    const {backend} = await run(
      home,
      new ScriptedBackend({betweenMs: 20, tokens: () => Array.from({length: 500}, () => 'x')}),
    );
    const client = createClient({home});
    const left = client.infer({prompt: 'Hi'})[Symbol.asyncIterator]();
    expect((await left.next()).value).toBe('x');
    await left.return?.();
    await expect.poll(() => backend.running).toBe(0);
    const abort = new AbortController();
    const aborted = client.infer({prompt: 'Hi', signal: abort.signal})[Symbol.asyncIterator]();
    await aborted.next();
    abort.abort();
    await expect(Array.fromAsync({[Symbol.asyncIterator]: () => aborted})).rejects.toThrow();
    await expect.poll(() => backend.running).toBe(0);
    await client.close();
  });

  it('starts a node of its own when nothing runs here, and keeps the receipt', async () => {
    const {addresses} = await run(temporaryFolder());
    const home = temporaryFolder();
    const client = createClient({home, bootstrap: addresses});
    const text = (await Array.fromAsync(client.infer({prompt: 'Hi'}))).join('');
    expect(text).toBe(TEN_WORDS);
    await client.close();
    using store = new ReceiptStore(receiptsDatabase(placesUnder(home)));
    expect(store.list()).toHaveLength(1);
  });

  it('says how to join when there is nobody', async () => {
    const client = createClient({home: temporaryFolder()});
    const answer = Array.fromAsync(client.infer({prompt: 'Hi'}));
    await expect(answer).rejects.toMatchObject({code: 'NO_PEERS', fix: expect.stringContaining('quiver up')});
    await client.close();
  });

  it('passes on the errors of the network with their fix', async () => {
    const home = temporaryFolder();
    await run(home);
    const client = createClient({home});
    await expect(Array.fromAsync(client.infer({prompt: 'Hi', model: 'llama'}))).rejects.toMatchObject({
      code: 'NO_PROVIDER_FOR_MODEL',
      message: expect.stringContaining('parrot:latest'),
    });
    await expect(Array.fromAsync(client.infer({prompt: 'Hi', temperature: 99}))).rejects.toMatchObject({
      code: 'BAD_REQUEST',
    });
  });
});
