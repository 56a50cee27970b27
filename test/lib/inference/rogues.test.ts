import {setTimeout as sleep} from 'node:timers/promises';

import {afterEach, beforeEach, describe, expect, it} from 'vitest';

import {FIRST_TOKEN_TIMEOUT_MS} from '../../../src/lib/inference/limits.ts';
import {decode, encode, frame} from '../../../src/lib/inference/wire/frames.ts';
import type {AnswerSink} from '../../../src/lib/inference/wire/provider-link.ts';
import {networkNames} from '../../../src/lib/p2p/protocols.ts';
import {generatePaymentSecret, paymentKeyFromBytes} from '../../../src/lib/core/secp256k1.ts';
import {decodeReceipt, encodeReceipt, signReceipt} from '../../../src/lib/records/receipt.ts';
import type {Receipt} from '../../../src/lib/records/receipt.ts';
import {TEST_PREFIX, TestNetwork, textOf} from '../../support/network.ts';
import {addRogue} from '../../support/rogue-provider.ts';
import {ScriptedBackend} from '../../support/scripted-backend.ts';

let network: TestNetwork;
beforeEach(async () => {
  network = new TestNetwork();
  await network.addBootstrap();
});
afterEach(() => network[Symbol.asyncDispose]());

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
    expect(performance.now() - since).toBeLessThan(FIRST_TOKEN_TIMEOUT_MS);
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

describe('a client that attacks', () => {
  const attack = async (bytes: Uint8Array | ((write: (bytes: Uint8Array) => void) => Promise<void>)) => {
    const provider = await network.addProvider(new ScriptedBackend());
    const attacker = await network.addNode(['client']);
    const target = provider.node.node.getMultiaddrs()[0]!;
    const stream = await attacker.node.dialProtocol(target, networkNames(TEST_PREFIX).infer);
    const closed = new Promise<void>((resolve) => stream.addEventListener('close', () => resolve()));
    if (typeof bytes === 'function') await bytes((chunk) => void stream.send(chunk));
    else stream.send(bytes);
    await Promise.race([closed, sleep(30_000).then(() => Promise.reject(new Error('the stream is still open')))]);
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
  /** A client that knows a provider, which therefore has time to bid, but that soon gives up when there is none. */
  const knowing = async () => {
    const client = await network.addClient({searchTimeoutMs: 700});
    await network.known(client, 1);
    return client;
  };
  /** A client that gives one whose every word is thrown away, and who is therefore never known, time to say something. */
  const searching = () => network.addClient({searchTimeoutMs: 4_000});
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
    const client = await knowing();
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
    const client = await knowing();
    await expect(client.ask({model: 'parrot'})).rejects.toMatchObject({code: 'RECEIPT_INVALID'});
  });

  it.each<[string, Parameters<typeof addRogue>[1]['answer']]>([
    ['tokens', ({sink}) => void pour(sink, 'x', 1)],
    ['text that stands for no token', ({sink}) => void pour(sink, 'x'.repeat(1_000), 0)],
    ['tokens without text', ({sink}) => void pour(sink, '', 1)],
    ['more tokens at once than a number holds', ({sink}) => sink.delta('x', 2 ** 32 - 1)],
  ])('about the length, with %s that never end, is cut off', async (_name, answer) => {
    await addRogue(network, {...(answer && {answer})});
    const client = await knowing();
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
    const client = await knowing();
    await expect(client.ask({model: 'parrot'})).rejects.toMatchObject({code: 'RECEIPT_INVALID'});
  });

  it('about its payment address in a bid is never asked', async () => {
    const rogue = await addRogue(network, {bidKey: paymentKeyFromBytes(generatePaymentSecret())});
    const client = await searching();
    await expect(client.ask({model: 'parrot'})).rejects.toMatchObject({code: 'RECORD_INVALID'});
    expect(rogue.asked).toBe(0);
  });

  it.each([
    ['ahead', 'CLOCK', 3_600_000],
    ['behind', 'RECORD_EXPIRED', -3_600_000],
  ])('about the time, an hour %s, is named by its clock', async (_name, code, clock) => {
    await addRogue(network, {clock});
    const client = await searching();
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
    const client = await knowing();
    await expect(client.ask({model: 'parrot'})).rejects.toMatchObject({code: expect.stringMatching(/^PROVIDER_/)});
    await network.addProvider(new ScriptedBackend());
    await network.known(client, 2);
    expect(textOf(await client.ask({model: 'parrot'}))).toContain('word10');
  });
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
