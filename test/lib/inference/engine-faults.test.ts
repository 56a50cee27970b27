import {afterEach, beforeEach, describe, expect, it} from 'vitest';

import type {BackendEvent} from '../../../src/lib/inference/backend.ts';
import type {InferEvent} from '../../../src/lib/inference/client/infer-types.ts';
import {TestNetwork} from '../../support/network.ts';
import {ScriptedBackend} from '../../support/scripted-backend.ts';

let network: TestNetwork;
beforeEach(async () => {
  network = new TestNetwork();
  await network.addBootstrap();
});
afterEach(() => network[Symbol.asyncDispose]());

const ended = (events: readonly InferEvent[]) => events.find((event) => event.event === 'end');

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
