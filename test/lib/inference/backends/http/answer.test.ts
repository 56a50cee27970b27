import {once} from 'node:events';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';

import {expect, it} from 'vitest';

import {createOpenAiBackend} from '../../../../../src/lib/inference/backends/openai.ts';
import {ask, collectAnswer} from '../../../../support/collect-answer.ts';

const never = new AbortController().signal;

it('never counts more tokens than were asked for, or than a model can hold, whatever the server claims', async () => {
  let usage = {prompt_tokens: 3, completion_tokens: 5_000};
  const server = createServer((request, response) => {
    if (request.method === 'GET') {
      response.end('{"data": [{"id": "m", "max_model_len": 1e300}]}');
      return;
    }
    response.setHeader('content-type', 'text/event-stream');
    const chunks = [{choices: [{delta: {content: 'Hi'}}]}, {choices: [{delta: {}, finish_reason: 'stop'}], usage}];
    for (const chunk of chunks) response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    response.end('data: [DONE]\n\n');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as AddressInfo;
  const backend = await createOpenAiBackend({url: `http://127.0.0.1:${port}`, signal: never});
  const question = ask('Hello', {model: 'm', maxTokens: 8});
  try {
    expect(await backend.models(never)).toEqual([{name: 'm', contextTokens: 4096}]);
    const answer = await collectAnswer(backend, question);
    expect(answer.usage).toEqual({promptTokens: 3, completionTokens: 8, cachedTokens: 0});
    expect(answer.tokens).toBe(8);
    usage = {prompt_tokens: 1e300, completion_tokens: 1};
    expect((await collectAnswer(backend, question)).usage.promptTokens).toBeLessThan(100);
  } finally {
    await backend.close();
    server.close();
  }
});
