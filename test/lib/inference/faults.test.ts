import {setTimeout as sleep} from 'node:timers/promises';

import {afterEach, beforeEach, describe, expect, it} from 'vitest';

import {CREDIT_WINDOW_BYTES, TOKENS_PER_RECEIPT} from '../../../src/lib/inference/limits.ts';
import type {InferEvent} from '../../../src/lib/inference/client/infer-types.ts';
import {TestNetwork, textOf} from '../../support/network.ts';
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
  signal = AbortSignal.timeout(60_000),
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
    const silent = new ScriptedBackend({beforeFirstMs: 60_000});
    const doomed = await network.addProvider(silent);
    const client = await network.addClient();
    await network.known(client, 1);
    const answer = client.ask({model: 'parrot', trace: true});
    await network.addProvider(new ScriptedBackend());
    await expect.poll(() => silent.requests.length).toBe(1);
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
      AbortSignal.timeout(60_000),
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

describe('a provider with its hands full', () => {
  it('refuses with a time to come back, and another one is asked', async () => {
    const {promise: gate, resolve: open} = Promise.withResolvers<void>();
    const {service} = await network.addProvider(new ScriptedBackend({slots: 1, gate}));
    const client = await network.addClient();
    await network.known(client, 1);
    // One is worked on, one waits in the queue.
    const others = [client.ask({model: 'parrot'}), client.ask({model: 'parrot'})];
    await expect.poll(() => service.info().metadata).toMatchObject({active: 1, queued: 1});
    await expect(client.ask({model: 'parrot'})).rejects.toMatchObject({
      code: 'PROVIDER_BUSY',
      fix: expect.stringMatching(/Ask again in \d+ s/),
    });
    const free = await network.addProvider(new ScriptedBackend());
    await network.known(client, 2);
    expect(ended(await client.ask({model: 'parrot'}))).toMatchObject({provider: free.peerId});
    open();
    expect(await Promise.all(others)).toHaveLength(2);
  });

  it('finishes what runs when it is drained, and takes nothing new', async () => {
    const {promise: gate, resolve: open} = Promise.withResolvers<void>();
    const provider = await network.addProvider(new ScriptedBackend({gate}));
    const client = await network.addClient();
    await network.known(client, 1);
    const running = client.ask({model: 'parrot'});
    await expect.poll(() => provider.service.info().metadata['active']).toBe(1);
    const drained = provider.service.drain();
    await expect(client.ask({model: 'parrot'})).rejects.toMatchObject({code: 'PROVIDER_DRAINING'});
    open();
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
