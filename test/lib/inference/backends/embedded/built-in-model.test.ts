import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {createEmbeddedBackend, type EmbeddedBackend} from '../../../../../src/lib/inference/backends/embedded.ts';
import {ask, collectAnswer} from '../../../../support/collect-answer.ts';

const modelPath = fileURLToPath(new URL('../../../../../models/quiver-tiny.gguf', import.meta.url));

describe('the built-in model in the embedded engine', () => {
  let backend: EmbeddedBackend;
  beforeAll(async () => {
    backend = await createEmbeddedBackend({modelPath});
  });
  afterAll(() => backend.close());

  it.each([
    ['What is a relay node?', /relay/i],
    ['What is a receipt?', /signed/i],
    ['How do I start a provider?', /quiver provider start/],
  ])('answers %j to the point and comes to an end', async (question, words) => {
    const answer = await collectAnswer(backend, ask(question, {maxTokens: 200}));
    expect(answer.text).toMatch(words);
    expect(answer.finish).toBe('stop');
  });
});
