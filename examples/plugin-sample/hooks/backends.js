/** @import {Backend} from '@quiver-network/quiver/plugin' */

/**
 * An engine that answers with the question.
 * @type {Backend}
 */
const echo = {
  name: 'echo',
  kind: 'echo',
  async models() {
    return [{name: 'echo', contextTokens: 4096}];
  },
  async *chat({messages, maxTokens}, signal) {
    const words = (messages.at(-1)?.content ?? '').split(/(?<=\s)/);
    const answer = words.slice(0, maxTokens);
    for (const text of answer) {
      signal.throwIfAborted();
      yield {type: 'delta', text, tokens: 1};
    }
    const usage = {promptTokens: words.length, completionTokens: answer.length, cachedTokens: 0};
    yield {type: 'end', finish: answer.length < words.length ? 'length' : 'stop', usage};
  },
  async embed() {
    throw new Error('echo has no embeddings');
  },
  async health() {
    return {ok: true};
  },
  capabilities() {
    return {chat: true, embeddings: false, logprobs: false, tools: false, slots: 8};
  },
  async close() {},
};

/** Called when a provider starts; what it returns is offered on the network. */
export default async function backends() {
  return [echo];
}
