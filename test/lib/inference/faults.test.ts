import {setTimeout as sleep} from 'node:timers/promises';

import {afterEach, beforeEach, describe, expect, it} from 'vitest';

import type {BackendEvent} from '../../../src/lib/inference/backend.ts';
import {CREDIT_WINDOW_BYTES, TOKENS_PER_RECEIPT} from '../../../src/lib/inference/limits.ts';
import type {InferEvent} from '../../../src/lib/inference/client/infer-types.ts';
import {decode, encode, frame} from '../../../src/lib/inference/wire/frames.ts';
import type {AnswerSink} from '../../../src/lib/inference/wire/provider-link.ts';
import {networkNames} from '../../../src/lib/p2p/protocols.ts';
import {generatePaymentSecret, paymentKeyFromBytes} from '../../../src/lib/core/secp256k1.ts';
import {decodeReceipt, encodeReceipt, signReceipt} from '../../../src/lib/records/receipt.ts';
import type {Receipt} from '../../../src/lib/records/receipt.ts';
import {TEST_PREFIX, TestNetwork, textOf} from '../../support/network.ts';
import type {TestClient} from '../../support/network.ts';
import {addRogue} from '../../support/rogue-provider.ts';
import {ScriptedBackend} from '../../support/scripted-backend.ts';

let network: TestNetwork;
beforeEach(async () => {
  network = new TestNetwork();
  await network.addBootstrap();
});
afterEach(() => network[Symbol.asyncDispose]());

const many =
  (count: number, text = 'x') =>
  () =>
    Array.from({length: count}, () => text);
const ended = (events: readonly InferEvent[]) => events.find((event) => event.event === 'end');

/** Reads an answer by hand: what came, and the error that ended it. */
async function follow(
  client: TestClient,
  onToken: (count: number) => void | Promise<void>,
  signal = AbortSignal.timeout(20_000),
) {
  const events: InferEvent[] = [];
  let tokens = 0;
  try {
    const request = {model: 'parrot', messages: [{role: 'user', content: 'go on'}] as const, maxTokens: 5_000};
    for await (const event of client.service.infer(request, signal)) {
      events.push(event);
      if (event.event === 'token') await onToken((tokens += event.tokens));
    }
  } catch (error) {
    return {events, tokens, error: error as {code: string; message: string; fix: string}};
  }
  return {events, tokens, error: undefined};
}

describe('a provider that dies', () => {
  it('before its first token: another one answers, and nobody notices', async () => {
    const doomed = await network.addProvider(new ScriptedBackend({beforeFirstMs: 60_000}));
    const client = await network.addClient();
    await network.known(client, 1);
    const answer = client.ask({model: 'parrot', trace: true});
    await network.addProvider(new ScriptedBackend());
    await sleep(300);
    await doomed.kill();
    const events = await answer;
    expect(textOf(events)).toContain('word10');
    expect(events.filter(({event}) => event === 'chosen')).toHaveLength(2);
    expect(await network.metric(client.service, 'quiver_inference_client_retries_total')).toBe(1);
  });

  it('in the middle: a clean error, and the last receipt is kept', async () => {
    const provider = await network.addProvider(new ScriptedBackend({tokens: many(4_000), betweenMs: 1}));
    const client = await network.addClient();
    const {tokens, error} = await follow(client, async (count) => {
      if (count >= 2 * TOKENS_PER_RECEIPT + 10) await provider.kill();
    });
    expect(error).toMatchObject({code: 'PROVIDER_LOST', message: expect.stringContaining('its last receipt is 0x')});
    const [kept] = client.store.list();
    expect(kept?.signed.receipt).toMatchObject({finish: 'running', provider: provider.peerId});
    expect(kept?.signed.receipt.tokensOut).toBeGreaterThanOrEqual(2 * TOKENS_PER_RECEIPT);
    expect(kept?.signed.receipt.tokensOut).toBeGreaterThan(tokens - 2 * TOKENS_PER_RECEIPT);
    expect(kept?.signed.receipt.tokensOut).toBeLessThanOrEqual(tokens);
  });

  it('or whose engine fails, with a receipt for what was made', async () => {
    const tokens = function* () {
      yield* Array.from({length: 5}, () => 'y');
      throw new Error('canary-in-an-engine-error');
    };
    await network.addProvider(new ScriptedBackend({tokens, model: 'parrot'}), {limits: {}}).catch(() => undefined);
    const client = await network.addClient();
    const {error} = await follow(client, () => undefined);
    expect(error?.code).toBe('PROVIDER_ERROR');
    expect(client.store.list()[0]?.signed.receipt).toMatchObject({
      finish: 'error',
      error: 'PROVIDER_ERROR',
      tokensOut: 5,
      bytesOut: 5,
    });
    expect(JSON.stringify(error) + network.logged.join('')).not.toContain('canary-in-an-engine-error');
  });
});

describe('an engine that others have written', () => {
  const ask = async (events: (request: {maxTokens: number}) => Iterable<unknown>, request = {}) => {
    const backend = new ScriptedBackend();
    const probe = backend.chat.bind(backend);
    backend.chat = async function* (question, signal) {
      if (question.maxTokens === 1) yield* probe(question, signal);
      else yield* events(question) as Iterable<BackendEvent>;
    };
    await network.addProvider(backend);
    const client = await network.addClient();
    return {client, events: await client.ask({model: 'parrot', ...request})};
  };
  const usage = {promptTokens: 3, completionTokens: 2, cachedTokens: 0};

  it('and splits a character in two: the receipt fits what has arrived', async () => {
    const {events} = await ask(() => [
      {type: 'delta', text: 'a\ud83d', tokens: 1},
      {type: 'delta', text: '\ude00', tokens: 1},
      {type: 'end', finish: 'stop', usage},
    ]);
    expect(ended(events)).toMatchObject({finish: 'stop', tokensOut: 2});
  });

  it('and does not stop where it was told to: its provider stops for it', async () => {
    const {events} = await ask(
      function* ({maxTokens}) {
        for (let count = 0; count < 10 * maxTokens; count += 1) yield {type: 'delta', text: 'x', tokens: 1};
        yield {type: 'end', finish: 'stop', usage};
      },
      {maxTokens: 5},
    );
    expect(ended(events)).toMatchObject({finish: 'length', tokensOut: 6});
  });

  it('and has a long prompt of its own: the limit of the client holds', async () => {
    const {events} = await ask(
      () => [
        {type: 'delta', text: 'x', tokens: 1},
        {type: 'end', finish: 'stop', usage: {...usage, promptTokens: 1_500}},
      ],
      {maxPrice: 200n, maxTokens: 5},
    );
    expect(ended(events)!.cost).toBeLessThanOrEqual(200n);
  });

  it.each([
    ['tokens', [{type: 'delta', text: 'x', tokens: NaN}]],
    ['tokens below zero', [{type: 'delta', text: 'x', tokens: -1}]],
    ['a prompt', [{type: 'end', finish: 'stop', usage: {...usage, promptTokens: 0.5}}]],
  ])('and counts %s that cannot be: an error, not a crash', async (_name, events) => {
    await expect(ask(() => events)).rejects.toMatchObject({code: 'BACKEND_ERROR'});
  });
});

describe('cancelling', () => {
  it('stops the engine at its next token and leaves a receipt', async () => {
    const backend = new ScriptedBackend({tokens: many(4_000), betweenMs: 5});
    await network.addProvider(backend);
    const client = await network.addClient();
    const abort = new AbortController();
    let made = 0;
    const {tokens, error} = await follow(
      client,
      (count) => {
        if (count < 20) return;
        made = backend.made;
        abort.abort();
      },
      abort.signal,
    );
    expect(error?.code).toBe('CANCELLED');
    expect(backend.running).toBe(0);
    // What the cancel met on its way: two turns of the network are a few tokens.
    expect(backend.made - made).toBeLessThan(20);
    const [kept] = client.store.list();
    expect(kept?.signed.receipt).toMatchObject({finish: 'cancelled', tokensIn: 2});
    expect(kept?.signed.receipt.tokensOut).toBeGreaterThanOrEqual(tokens);
  });

  it('by leaving the loop does the same', async () => {
    const backend = new ScriptedBackend({tokens: many(4_000), betweenMs: 5});
    await network.addProvider(backend);
    const client = await network.addClient();
    for await (const event of client.service.infer(
      {messages: [{role: 'user', content: 'go'}]},
      AbortSignal.timeout(20_000),
    )) {
      if (event.event === 'token') break;
    }
    await expect.poll(() => backend.running).toBe(0);
    expect(client.store.list()[0]?.signed.receipt.finish).toBe('cancelled');
  });
});

describe('deadlines', () => {
  it('count the search for a provider too, which a cancel ends as well', async () => {
    const client = await network.addClient({searchTimeoutMs: 30_000});
    await expect.poll(() => client.node.node.getConnections().length).toBe(1);
    await expect(client.ask({deadlines: {totalMs: 200}})).rejects.toMatchObject({code: 'DEADLINE_TOTAL'});
    await expect(client.ask({}, AbortSignal.timeout(200))).rejects.toMatchObject({code: 'CANCELLED', exit: 130});
  });

  it.each([
    ['DEADLINE_FIRST_TOKEN', {firstTokenMs: 150}, {beforeFirstMs: 60_000}],
    ['DEADLINE_TOKEN_GAP', {tokenGapMs: 150}, {betweenMs: 60_000}],
    ['DEADLINE_TOTAL', {totalMs: 300}, {betweenMs: 50, tokens: many(1_000)}],
  ])('%s', async (code, deadlines, script) => {
    const backend = new ScriptedBackend(script);
    await network.addProvider(backend);
    const client = await network.addClient();
    const slow = client.ask({deadlines});
    await expect(slow).rejects.toMatchObject({code, fix: expect.stringContaining('--timeout')});
    await expect.poll(() => backend.running).toBe(0);
  });
});

describe('a provider that is known', () => {
  it('and says nothing: the error says so, not that nobody serves the model', async () => {
    const rogue = await addRogue(network, {quotes: () => new Promise(() => {})});
    const client = await network.addClient({searchTimeoutMs: 300});
    await network.known(client, 1);
    await expect(client.ask({model: 'parrot', deadlines: {firstTokenMs: 500}})).rejects.toMatchObject({
      code: 'NO_OFFER',
      message: expect.stringContaining('The one provider of parrot'),
      fix: expect.stringContaining('Ask again'),
    });
    expect(rogue.asked).toBe(0);
  });

  it('and takes longer than a search: is waited for as long as for a first token', async () => {
    const {promise: asked, resolve} = Promise.withResolvers<void>();
    const {promise: later, resolve: quote} = Promise.withResolvers<void>();
    const answer = ({sink, meter}: Parameters<NonNullable<Parameters<typeof addRogue>[1]['answer']>>[0]) => {
      sink.delta('hello', 1);
      meter.delivered('hello', 1);
      sink.end('stop', meter.sign('stop'));
    };
    await addRogue(network, {quotes: () => (resolve(), later), answer});
    const client = await network.addClient({searchTimeoutMs: 300});
    await network.known(client, 1);
    const asking = client.ask({model: 'parrot'});
    await asked;
    // Longer than the search, and longer than a provider that is not known to serve it would be given.
    await sleep(4_000);
    quote();
    expect(textOf(await asking)).toBe('hello');
  });

  it.each([{race: 2}, {broadcast: true}])('and says nothing: %o does not wait for it', async (several) => {
    await addRogue(network, {quotes: () => new Promise(() => {})});
    await network.addProvider(new ScriptedBackend());
    const client = await network.addClient();
    await network.known(client, 2);
    const since = performance.now();
    expect(textOf(await client.ask({model: 'parrot', ...several}))).toContain('word10');
    expect(performance.now() - since).toBeLessThan(10_000);
  });

  it.each([
    ['LIMITS', 'REQUEST_TOO_LARGE'],
    ['BUSY', 'PROVIDER_BUSY'],
    ['PRICE', 'PRICE_TOO_HIGH'],
  ])('and refuses with %s: the error says why', async (refusal, code) => {
    await addRogue(network, {quotes: async () => refusal});
    const client = await network.addClient({searchTimeoutMs: 300});
    await network.known(client, 1);
    await expect(client.ask({model: 'parrot', maxPrice: 9n})).rejects.toMatchObject({code});
  });
});

describe('a provider with its hands full', () => {
  it('refuses with a time to come back, and another one is asked', async () => {
    const full = new ScriptedBackend({slots: 1, beforeFirstMs: 1_500});
    await network.addProvider(full);
    const client = await network.addClient();
    await network.known(client, 1);
    // One is worked on, one waits in the queue.
    const others = [client.ask({model: 'parrot'}), client.ask({model: 'parrot'})];
    await expect.poll(() => full.requests.length).toBe(1);
    await expect(client.ask({model: 'parrot'})).rejects.toMatchObject({
      code: 'PROVIDER_BUSY',
      fix: expect.stringMatching(/Ask again in \d+ s/),
    });
    const free = await network.addProvider(new ScriptedBackend());
    await network.known(client, 2);
    expect(ended(await client.ask({model: 'parrot'}))).toMatchObject({provider: free.peerId});
    expect(await Promise.all(others)).toHaveLength(2);
  });

  it('finishes what runs when it is drained, and takes nothing new', async () => {
    const provider = await network.addProvider(new ScriptedBackend({betweenMs: 50}));
    const client = await network.addClient();
    await network.known(client, 1);
    const running = client.ask({model: 'parrot'});
    await expect.poll(() => provider.service.info().metadata['active']).toBe(1);
    const drained = provider.service.drain();
    await expect(client.ask({model: 'parrot'})).rejects.toMatchObject({code: 'PROVIDER_DRAINING'});
    expect(textOf(await running)).toContain('word10');
    await drained;
    expect(provider.service.info().status).toBe('draining');
  });

  it('leaves out a back end that gives no token, and says so', async () => {
    const dead = new ScriptedBackend({tokens: () => []});
    await expect(network.addProvider(dead)).rejects.toMatchObject({
      code: 'NO_MODELS',
      message: expect.stringContaining('scripted'),
    });
  });

  it('bounds prompt and answer', async () => {
    await network.addProvider(new ScriptedBackend(), {limits: {maxPromptBytes: 100, maxTokens: 50}});
    const client = await network.addClient({searchTimeoutMs: 700});
    await network.known(client, 1);
    await expect(client.ask({prompt: 'x'.repeat(101)})).rejects.toMatchObject({code: 'PROMPT_TOO_LONG'});
    await expect(client.ask({maxTokens: 51})).rejects.toMatchObject({code: 'TOO_MANY_TOKENS'});
  });
});

describe('a reader that is slow', () => {
  it('makes the provider wait instead of filling memory, and still gets everything', async () => {
    const piece = 'z'.repeat(1_024);
    const backend = new ScriptedBackend({tokens: many(600, piece)});
    await network.addProvider(backend);
    const client = await network.addClient();
    let stalledAt = 0;
    const {events, error} = await follow(client, async (count) => {
      if (count > 3 || stalledAt > 0) return;
      await sleep(500);
      stalledAt = backend.made;
    });
    expect(error).toBeUndefined();
    // What was made while nobody read: the window, and what was on its way.
    expect(stalledAt * piece.length).toBeLessThanOrEqual(2 * CREDIT_WINDOW_BYTES);
    expect(textOf(events)).toBe(piece.repeat(600));
  });
});

describe('a client that attacks', () => {
  const attack = async (bytes: Uint8Array | ((write: (bytes: Uint8Array) => void) => Promise<void>)) => {
    const provider = await network.addProvider(new ScriptedBackend());
    const attacker = await network.addNode(['client']);
    const target = provider.node.node.getMultiaddrs()[0]!;
    const stream = await attacker.node.dialProtocol(target, networkNames(TEST_PREFIX).infer);
    const closed = new Promise<void>((resolve) => stream.addEventListener('close', () => resolve()));
    if (typeof bytes === 'function') await bytes((chunk) => void stream.send(chunk));
    else stream.send(bytes);
    await Promise.race([closed, sleep(3_000).then(() => Promise.reject(new Error('the stream is still open')))]);
    // Others are served as before.
    const client = await network.addClient();
    expect(textOf(await client.ask({model: 'parrot'}))).toContain('word10');
    return {violations: await network.metric(provider.service, 'quiver_inference_provider_violations_total')};
  };

  it.each<[string, Uint8Array]>([
    ['garbage', Uint8Array.from({length: 300}, (_, at) => (at * 7919) % 256)],
    ['a length that never ends', new Uint8Array(64).fill(0xff)],
    ['a frame past every bound', encodeLength(2 ** 24)],
    ['a frame for a request it never opened', encode(frame(9, {case: 'cancel', value: {}}))],
    ['frames that only providers send', encode(frame(1, {case: 'delta', value: {text: 'x', tokens: 1}}))],
  ])('with %s is cut off', async (_name, bytes) => {
    expect(await attack(bytes)).toEqual({violations: 1});
  });

  it('with an open full of nonsense is refused and nothing breaks', async () => {
    const provider = await network.addProvider(new ScriptedBackend());
    const attacker = await network.addNode(['client']);
    const stream = await attacker.node.dialProtocol(
      provider.node.node.getMultiaddrs()[0]!,
      networkNames(TEST_PREFIX).infer,
    );
    const replies: unknown[] = [];
    stream.addEventListener('message', ({data}) => {
      const bytes = data.subarray();
      replies.push(decode(bytes.subarray(bytes[0]! > 0x7f ? 2 : 1)).body.value);
    });
    stream.send(encode(frame(1, {case: 'open', value: {question: new Uint8Array(50).fill(255)}})));
    await expect.poll(() => replies.length).toBe(1);
    expect(replies[0]).toMatchObject({code: 'BAD_REQUEST'});
  });
});

describe('a provider that lies', () => {
  const forged = (change: (receipt: Receipt) => Partial<Receipt>, key?: ReturnType<typeof paymentKeyFromBytes>) =>
    addRogue(network, {
      answer: ({sink, meter, rogue}) => {
        sink.delta('hello', 1);
        meter.delivered('hello', 1);
        meter.prompt({promptTokens: 2, cachedTokens: 0});
        const {receipt} = decodeReceipt(meter.sign('stop'));
        const signer = key ?? rogue.paymentKey;
        const signed = signReceipt({...receipt, paymentAddress: signer.address, ...change(receipt)}, signer);
        sink.end('stop', encodeReceipt(signed));
      },
    });

  it.each<[string, (receipt: Receipt) => Partial<Receipt>]>([
    ['more tokens than came', () => ({tokensOut: 9, cost: 1n})],
    ['a prompt longer than was sent', () => ({tokensIn: 100_000, cost: 101n})],
    ['another price', () => ({priceOut: 1_000_000n, cost: 1_001n})],
    ['a wrong sum', () => ({cost: 77n})],
    ['another answer', () => ({responseHash: new Uint8Array(32).fill(1)})],
    ['another question', () => ({requestHash: new Uint8Array(32).fill(1)})],
    ['more bytes', () => ({bytesOut: 500})],
    ['another client', ({provider}) => ({client: provider})],
    ['another offer', () => ({offerDigest: new Uint8Array(32).fill(1)})],
    ['a different end', () => ({finish: 'length'})],
    ['the future', ({issuedAt}) => ({issuedAt: issuedAt + 3_600_000})],
  ])('about %s is found out and not asked again', async (_name, change) => {
    const rogue = await forged(change);
    const client = await network.addClient({searchTimeoutMs: 700});
    await expect(client.ask({model: 'parrot'})).rejects.toMatchObject({
      code: 'RECEIPT_INVALID',
      message: expect.stringContaining(rogue.peerId),
    });
    expect(client.store.list()).toEqual([]);
    await expect(client.ask({model: 'parrot'})).rejects.toMatchObject({code: 'NO_PROVIDER_FOR_MODEL'});
    expect(rogue.asked).toBe(1);
  });

  it('and signs with a key that is not its own is found out', async () => {
    await forged(() => ({}), paymentKeyFromBytes(generatePaymentSecret()));
    const client = await network.addClient();
    await expect(client.ask({model: 'parrot'})).rejects.toMatchObject({code: 'RECEIPT_INVALID'});
  });

  it.each<[string, Parameters<typeof addRogue>[1]['answer']]>([
    ['tokens', ({sink}) => void pour(sink, 'x', 1)],
    ['text that stands for no token', ({sink}) => void pour(sink, 'x'.repeat(1_000), 0)],
    ['tokens without text', ({sink}) => void pour(sink, '', 1)],
    ['more tokens at once than a number holds', ({sink}) => sink.delta('x', 2 ** 32 - 1)],
  ])('about the length, with %s that never end, is cut off', async (_name, answer) => {
    await addRogue(network, {...(answer && {answer})});
    const client = await network.addClient({searchTimeoutMs: 700});
    await expect(client.ask({model: 'parrot', maxTokens: 100, broadcast: true})).rejects.toMatchObject({
      code: expect.stringMatching(/^(RECEIPT_INVALID|PROVIDER_LOST)$/),
    });
    expect(client.store.list()).toEqual([]);
  });

  it('and brings no receipt at all is found out', async () => {
    await addRogue(network, {
      answer: ({sink}) => {
        sink.delta('hello', 1);
        sink.end('stop', new Uint8Array(0));
      },
    });
    const client = await network.addClient();
    await expect(client.ask({model: 'parrot'})).rejects.toMatchObject({code: 'RECEIPT_INVALID'});
  });

  it('about its payment address in a bid is never asked', async () => {
    const rogue = await addRogue(network, {bidKey: paymentKeyFromBytes(generatePaymentSecret())});
    const client = await network.addClient({searchTimeoutMs: 700});
    await expect(client.ask({model: 'parrot'})).rejects.toMatchObject({code: 'RECORD_INVALID'});
    expect(rogue.asked).toBe(0);
  });

  it.each([
    ['ahead', 'CLOCK', 3_600_000],
    ['behind', 'RECORD_EXPIRED', -3_600_000],
  ])('about the time, an hour %s, is named by its clock', async (_name, code, clock) => {
    await addRogue(network, {clock});
    const client = await network.addClient({searchTimeoutMs: 700});
    await expect(client.ask({model: 'parrot'})).rejects.toMatchObject({code, fix: expect.stringContaining('clock')});
  });

  it.each<[string, Parameters<typeof addRogue>[1]]>([
    ['sends garbage', {stream: (stream) => void stream.send(new Uint8Array(100).fill(0xff))}],
    ['sends frames past their bound', {stream: (stream) => void stream.send(encodeLength(2 ** 20))}],
    ['hangs up', {stream: (stream) => stream.abort(new Error('no'))}],
    [
      'sends more than was granted',
      {
        answer: ({sink}) => {
          for (let count = 0; count < 20; count += 1) sink.delta('x'.repeat(32_000), 1);
        },
      },
    ],
  ])('or %s loses to an honest one or ends in an error', async (_name, options) => {
    await addRogue(network, options);
    const client = await network.addClient({searchTimeoutMs: 700});
    await expect(client.ask({model: 'parrot'})).rejects.toMatchObject({code: expect.stringMatching(/^PROVIDER_/)});
    await network.addProvider(new ScriptedBackend());
    await network.known(client, 2);
    expect(textOf(await client.ask({model: 'parrot'}))).toContain('word10');
  });
});

it('no prompt and no answer ever appears in a log', async () => {
  const canary = 'canary-7f3a9';
  await network.addProvider(new ScriptedBackend({tokens: () => [`answer-${canary}`]}));
  await addRogue(network, {answer: ({sink}) => sink.fail({code: `X ${canary}`, message: canary})});
  const client = await network.addClient();
  await network.known(client, 2);
  for (let count = 0; count < 6; count += 1)
    await client.ask({model: 'parrot', prompt: `prompt-${canary}`}).catch(() => undefined);
  expect(network.logged.length).toBeGreaterThan(0);
  expect(network.logged.filter((line) => line.includes(canary))).toEqual([]);
});

/** An answer that goes on until its reader is gone. */
async function pour(sink: AnswerSink, text: string, tokens: number): Promise<void> {
  while (!sink.signal.aborted) {
    await sink.whenWritable();
    for (let count = 0; count < 100 && sink.writable(); count += 1) sink.delta(text, tokens);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function encodeLength(length: number): Uint8Array {
  return Uint8Array.of(
    (length & 0x7f) | 0x80,
    ((length >> 7) & 0x7f) | 0x80,
    ((length >> 14) & 0x7f) | 0x80,
    length >> 21,
  );
}
