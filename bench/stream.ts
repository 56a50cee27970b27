// Tokens per second and CPU per token over the network, against the same engine called directly, in turns within one
// run. The embedded engine and the provider run in processes of their own; its answers have about 30 tokens. The last
// rows are one long answer of an engine that makes tokens at once, everything in one process: the path alone.
//
//   node bench/stream.ts [rounds]
import {fork} from 'node:child_process';
import {once} from 'node:events';

import type {Backend} from '../src/lib/inference/backend.ts';
import {createEmbeddedBackend} from '../src/lib/inference/backends/embedded.ts';
import {TestNetwork} from '../test/support/network.ts';
import type {TestClient} from '../test/support/network.ts';
import {ScriptedBackend} from '../test/support/scripted-backend.ts';

const MODEL = 'models/quiver-tiny.gguf';
const rounds = Number(process.argv[2] ?? 5);
const PARALLEL = 4;
const ANSWERS = 8;
const LONG_ANSWER_TOKENS = 20_000;
const REQUEST = {maxTokens: 400, temperature: 0};
const MESSAGES = [{role: 'user', content: 'Tell a long story about a quiver full of arrows.'}] as const;

const child = fork(new URL('provider-process.ts', import.meta.url), [MODEL]);
const [addresses] = (await once(child, 'message')) as [string[]];
const direct = await createEmbeddedBackend({modelPath: MODEL});
const [model] = await direct.models();
await using network = new TestNetwork();
network.joinThroughAddresses(addresses);
const client = await network.addClient();
await network.known(client, 1);
const {signal} = new AbortController();

async function tokensDirect(backend: Backend, name: string, maxTokens: number): Promise<number> {
  let tokens = 0;
  for await (const event of backend.chat({model: name, messages: MESSAGES, ...REQUEST, maxTokens}, signal)) {
    if (event.type === 'delta') tokens += event.tokens;
  }
  return tokens;
}

async function tokensOverNetwork(asking: TestClient, name: string, maxTokens: number): Promise<number> {
  let tokens = 0;
  for await (const event of asking.service.infer({model: name, messages: MESSAGES, ...REQUEST, maxTokens}, signal)) {
    if (event.event === 'token') tokens += event.tokens;
  }
  return tokens;
}

/** Tokens a second and CPU µs a token of `answers` answers, `parallel` at a time. */
async function measure(parallel: number, answers: number, run: () => Promise<number>): Promise<[number, number]> {
  const since = performance.now();
  const cpu = process.cpuUsage();
  let left = answers;
  let tokens = 0;
  const worker = async (): Promise<void> => {
    while ((left -= 1) >= 0) tokens += await run();
  };
  await Promise.all(Array.from({length: parallel}, worker));
  const {user, system} = process.cpuUsage(cpu);
  return [tokens / ((performance.now() - since) / 1_000), (user + system) / tokens];
}

async function compare(
  title: string,
  parallel: number,
  answers: number,
  runs: readonly (() => Promise<number>)[],
): Promise<void> {
  const best = runs.map(() => ({rate: 0, cpu: Infinity}));
  for (let round = -1; round < rounds; round += 1) {
    for (const [at, run] of runs.entries()) {
      const [rate, cpu] = await measure(parallel, answers, run);
      // The first round warms up.
      if (round >= 0) best[at] = {rate: Math.max(best[at]!.rate, rate), cpu: Math.min(best[at]!.cpu, cpu)};
    }
  }
  const [own, hop] = best;
  const ratio = (hop!.rate / own!.rate).toFixed(2);
  console.log(
    `${title}: directly ${own!.rate.toFixed(0)} tokens/s, over the network ${hop!.rate.toFixed(0)}, ratio ${ratio}`,
  );
  console.log(
    `  CPU in this process a token: directly ${own!.cpu.toFixed(1)} µs, over the network ${hop!.cpu.toFixed(1)} µs`,
  );
}

for (const parallel of [1, PARALLEL]) {
  await compare(`embedded engine, ${parallel} at once`, parallel, ANSWERS, [
    () => tokensDirect(direct, model!.name, REQUEST.maxTokens),
    () => tokensOverNetwork(client, model!.name, REQUEST.maxTokens),
  ]);
}

const instant = new ScriptedBackend({tokens: () => Array.from({length: LONG_ANSWER_TOKENS}, () => 'token ')});
const provider = await network.addProvider(instant);
network.joinThrough(provider.node);
const second = await network.addClient();
await network.known(second, 1);
await compare(`engine that answers at once, ${LONG_ANSWER_TOKENS} tokens`, 1, 1, [
  () => tokensDirect(instant, 'parrot:latest', LONG_ANSWER_TOKENS),
  () => tokensOverNetwork(second, 'parrot:latest', LONG_ANSWER_TOKENS),
]);
await direct.close();
child.kill();
process.exit();
