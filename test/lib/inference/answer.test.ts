import {afterEach, beforeEach, describe, expect, it} from 'vitest';

import type {QuiverError} from '../../../src/lib/core/errors.ts';
import type {InferEvent} from '../../../src/lib/inference/client/infer-types.ts';
import {receiptFromJson} from '../../../src/lib/records/receipt-json.ts';
import {verifyReceipt} from '../../../src/lib/records/verify-receipt.ts';
import {TestNetwork, textOf} from '../../support/network.ts';
import type {TestClient, TestProvider} from '../../support/network.ts';
import {ScriptedBackend} from '../../support/scripted-backend.ts';

let network: TestNetwork;
beforeEach(() => {
  network = new TestNetwork();
});
afterEach(() => network[Symbol.asyncDispose]());

const TEN_WORDS = Array.from({length: 10}, (_, at) => `word${at + 1} `).join('');
const find = <E extends InferEvent['event']>(events: readonly InferEvent[], event: E) =>
  events.find((one): one is InferEvent & {event: E} => one.event === event);

describe('a network of two', () => {
  it('needs no bootstrap: the client dials the provider', async () => {
    const provider = await network.addProvider(new ScriptedBackend());
    network.joinThrough(provider.node);
    const client = await network.addClient();
    const events = await client.ask({model: 'parrot'});
    expect(textOf(events)).toBe(TEN_WORDS);
    expect(events.map(({event}) => event)[0]).toBe('chosen');
    expect(events.slice(-2).map(({event}) => event)).toEqual(['receipt', 'end']);
  });
});

describe('a network of three', () => {
  it('brings a receipt that anybody can check, and keeps it', async () => {
    await network.addBootstrap();
    const provider = await network.addProvider(new ScriptedBackend());
    const client = await network.addClient();
    const events = await client.ask({model: 'parrot', prompt: 'one two three'});
    const end = find(events, 'end');
    expect(end).toMatchObject({provider: provider.peerId, tokensIn: 3, tokensOut: 10, finish: 'stop', cost: 23n});
    const signed = receiptFromJson(JSON.parse(JSON.stringify(find(events, 'receipt')?.receipt)));
    const expected = {client: client.peerId, paymentAddress: provider.paymentKey.address};
    expect(verifyReceipt(signed, expected)).toEqual({ok: true, problems: []});
    expect(client.store.list()[0]).toMatchObject({digest: end?.receipt, model: 'parrot:latest'});
    // The next one names it.
    const [, second] = [await client.ask({model: 'parrot'}), client.store.list()[0]];
    expect(
      verifyReceipt(second!.signed, {findReceipt: (digest) => client.store.get(digest)?.signed.receipt}),
    ).toMatchObject({ok: true});
    expect(second?.signed.receipt.previous).not.toEqual(new Uint8Array(32));
  });

  it('asks directly with a live bid, without another announcement', async () => {
    await network.addBootstrap();
    await network.addProvider(new ScriptedBackend());
    const client = await network.addClient();
    await client.ask({model: 'parrot'});
    const traced = await client.ask({model: 'parrot', trace: true});
    expect(traced.filter((one) => one.event === 'trace' && one.message.startsWith('asking'))).toEqual([]);
  });

  it('lists the models, and finds one by its digest or without its tag', async () => {
    await network.addBootstrap();
    const provider = await network.addProvider(new ScriptedBackend());
    const client = await network.addClient();
    const [model, ...others] = await client.service.models(AbortSignal.timeout(5_000));
    expect(others).toEqual([]);
    expect(model).toMatchObject({
      name: 'parrot:latest',
      quantisation: 'Q8_0',
      contextTokens: 4_096,
      providers: [provider.peerId],
      slots: 4,
      priceOut: 2_000n,
    });
    for (const wanted of ['parrot', 'parrot:latest', model!.digest!, undefined]) {
      expect(textOf(await client.ask(wanted === undefined ? {} : {model: wanted}))).toBe(TEN_WORDS);
    }
  });

  it('reaches a provider that has no address of its own through the relay', async () => {
    await network.addBootstrap();
    const provider = await network.addProvider(new ScriptedBackend(), {relayed: true});
    const client = await network.addClient();
    for (let count = 0; count < 3; count += 1) expect(textOf(await client.ask({model: 'parrot'}))).toBe(TEN_WORDS);
    const paths = client.node.node.getConnections(provider.node.node.peerId);
    expect(paths.map(({limits, remoteAddr}) => [limits !== undefined, remoteAddr.toString()])).toEqual([
      [true, expect.stringContaining('/p2p-circuit')],
    ]);
    expect((await client.service.models(AbortSignal.timeout(5_000)))[0]?.providers).toEqual([provider.peerId]);
  });

  it('a provider uses its own models without a network', async () => {
    const provider = await network.addProvider(new ScriptedBackend());
    const client = await network.addClientOn(provider);
    expect(textOf(await client.ask({model: 'parrot'}))).toBe(TEN_WORDS);
    expect(client.store.list()).toHaveLength(1);
  });
});

describe('a network of twenty', () => {
  it('finds the one provider of a model, and any of many', async () => {
    network = new TestNetwork({serveDht: false});
    await network.addBootstrap();
    const backends = Array.from({length: 14}, (_, at) => new ScriptedBackend({model: at === 7 ? 'rare' : 'common'}));
    // One after the other: twenty handshakes at once in one process outlast libp2p's patience on a busy machine.
    const providers: TestProvider[] = [];
    for (const backend of backends) providers.push(await network.addProvider(backend));
    const clients: TestClient[] = [];
    // Where libp2p gave up all the same, do as the error says: ask again.
    const until = AbortSignal.timeout(100_000);
    const ask = async (client: TestClient, model: string): Promise<InferEvent[]> => {
      for (;;) {
        try {
          return await client.ask({model, deadlines: {firstTokenMs: 90_000, tokenGapMs: 90_000}}, until);
        } catch (error) {
          const {code, fix} = error as QuiverError;
          if (until.aborted || !['NO_OFFER', 'NO_PEERS', 'PROVIDER_UNREACHABLE'].includes(code)) throw error;
          expect(fix).toMatch(/again|join/);
        }
      }
    };
    for (let count = 0; count < 5; count += 1) {
      const client = await network.addClient({searchTimeoutMs: 90_000});
      await client.node.node.services.rejoin.firstContact;
      expect(textOf(await ask(client, 'common'))).toBe(TEN_WORDS);
      clients.push(client);
    }
    const rare = await ask(clients[0]!, 'rare');
    expect(find(rare, 'end')?.provider).toBe(providers[7]!.peerId);
    const answers = await Promise.all(
      clients.flatMap((client) => Array.from({length: 4}, () => ask(client, 'common'))),
    );
    expect(answers.every((events) => textOf(events) === TEN_WORDS)).toBe(true);
    const answered = new Set(answers.map((events) => find(events, 'end')?.provider));
    expect(answered.size).toBeGreaterThan(1);
    expect(backends[7]!.requests).toHaveLength(1);
  }, 120_000);
});

describe('what is asked', () => {
  it('reaches the engine as it was, with its limits', async () => {
    const backend = new ScriptedBackend();
    const provider = await network.addProvider(backend);
    const client = await network.addClientOn(provider);
    const events = await client.ask({maxTokens: 3, temperature: 0.5, seed: 7, stop: ['x'], prompt: 'ü'});
    expect(find(events, 'end')).toMatchObject({finish: 'length', tokensOut: 3});
    expect(backend.requests[0]).toMatchObject({
      maxTokens: 3,
      temperature: 0.5,
      seed: 7,
      stop: ['x'],
      messages: [{role: 'user', content: 'ü'}],
    });
  });

  it('goes to several in a race, and the first token wins', async () => {
    await network.addBootstrap();
    const slow = new ScriptedBackend({beforeFirstMs: 3_000});
    const quick = new ScriptedBackend();
    await network.addProvider(slow);
    const winner = await network.addProvider(quick);
    const client = await network.addClient();
    await network.known(client, 2);
    const events = await client.ask({model: 'parrot', race: 2});
    expect(find(events, 'end')?.provider).toBe(winner.peerId);
    expect(textOf(events)).toBe(TEN_WORDS);
    // The loser was asked and has stopped by now.
    expect(slow.requests).toHaveLength(1);
    await expect.poll(() => slow.running).toBe(0);
  });

  it('goes to everybody in a broadcast, and the first whole answer wins', async () => {
    await network.addBootstrap();
    const backends = [
      new ScriptedBackend({betweenMs: 300}),
      new ScriptedBackend({fails: () => new Error('broken')}),
      new ScriptedBackend({beforeFirstMs: 100}),
    ];
    const providers = await Promise.all(backends.map((backend) => network.addProvider(backend)));
    const client = await network.addClient();
    await network.known(client, 3);
    const events = await client.ask({model: 'parrot', broadcast: true});
    expect(find(events, 'end')?.provider).toBe(providers[2]!.peerId);
    expect(textOf(events)).toBe(TEN_WORDS);
    expect(backends[0]!.requests).toHaveLength(1);
  });

  it('never costs more than was allowed', async () => {
    await network.addBootstrap();
    await network.addProvider(new ScriptedBackend());
    const client = await network.addClient();
    const fine = await client.ask({model: 'parrot', maxTokens: 5, maxPrice: 100n});
    expect(find(fine, 'end')!.cost).toBeLessThanOrEqual(100n);
    await expect(client.ask({model: 'parrot', maxTokens: 1_000, maxPrice: 100n})).rejects.toMatchObject({
      code: 'PRICE_TOO_HIGH',
    });
  });
});

describe('failures say what to do', () => {
  it('no such model: names those that exist', async () => {
    await network.addBootstrap();
    await network.addProvider(new ScriptedBackend({model: 'llama'}));
    const client = await network.addClient({searchTimeoutMs: 500});
    await client.service.models(AbortSignal.timeout(5_000));
    await expect(client.ask({model: 'parrot'})).rejects.toMatchObject({
      code: 'NO_PROVIDER_FOR_MODEL',
      message: expect.stringContaining('llama'),
      fix: expect.stringContaining('--model llama'),
    });
  });

  it('nobody there: says how to join', async () => {
    const client = await network.addClient({searchTimeoutMs: 20_000});
    await expect(client.ask({})).rejects.toMatchObject({code: 'NO_PEERS', fix: expect.stringContaining('quiver up')});
  });
});
