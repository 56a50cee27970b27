// Added time to first token: the network (warm connection, live bid, signed receipts) against the same engine called
// directly, in turns within one run. The embedded engine and the provider run in processes of their own; the second
// table has an engine that answers at once and everything in one process, so that it shows the path alone.
//
//   node bench/ttft.ts [requests]
import {fork} from 'node:child_process';
import {once} from 'node:events';

import type {Backend} from '../src/lib/inference/backend.ts';
import {createEmbeddedBackend} from '../src/lib/inference/backends/embedded.ts';
import {TestNetwork} from '../test/support/network.ts';
import type {TestClient} from '../test/support/network.ts';
import {ScriptedBackend} from '../test/support/scripted-backend.ts';

const MODEL = 'models/quiver-tiny.gguf';
const requests = Number(process.argv[2] ?? 200);
const QUESTIONS = ['What is a relay node?', 'What is a receipt?', 'What is 7 plus 5?', 'Who are you?'];

const child = fork(new URL('provider-process.ts', import.meta.url), [MODEL]);
const [addresses] = (await once(child, 'message')) as [string[]];
const direct = await createEmbeddedBackend({modelPath: MODEL});
const [offered] = await direct.models();
await using network = new TestNetwork();
network.joinThroughAddresses(addresses);
const client = await network.addClient();
await network.known(client, 1);
const {signal} = new AbortController();

async function firstTokenDirect(backend: Backend, model: string, content: string): Promise<number> {
  const since = performance.now();
  let first = 0;
  const chat = backend.chat({model, messages: [{role: 'user', content}], maxTokens: 8, temperature: 0}, signal);
  for await (const event of chat) if (first === 0 && event.type === 'delta') first = performance.now() - since;
  return first;
}

async function firstTokenOverNetwork(asking: TestClient, model: string, content: string): Promise<number> {
  const since = performance.now();
  let first = 0;
  const answer = asking.service.infer({model, messages: [{role: 'user', content}], maxTokens: 8}, signal);
  for await (const event of answer) if (first === 0 && event.event === 'token') first = performance.now() - since;
  return first;
}

async function compare(title: string, backend: Backend, name: string, asking: TestClient): Promise<void> {
  const times = {direct: [] as number[], network: [] as number[]};
  for (let count = -50; count < requests; count += 1) {
    const question = QUESTIONS[Math.abs(count) % QUESTIONS.length]!;
    const own = await firstTokenDirect(backend, name, question);
    const hop = await firstTokenOverNetwork(asking, name, question);
    // The first ones warm both up.
    if (count < 0) continue;
    times.direct.push(own);
    times.network.push(hop);
  }
  console.log(`${title}, ${requests} requests each`);
  console.log('         directly      network       added');
  for (const [label, q] of [
    ['p50', 0.5],
    ['p90', 0.9],
    ['p99', 0.99],
  ] as const) {
    const [a, b] = [quantile(times.direct, q), quantile(times.network, q)];
    const ratio = a < 0.05 ? '' : `  ${(b / a).toFixed(2)}x`;
    console.log(`${label}  ${show(a)} ms  ${show(b)} ms  ${show(b - a)} ms${ratio}`);
  }
}

const show = (value: number): string => value.toFixed(2).padStart(8);
const quantile = (values: number[], q: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * q)]!;

await compare('time to first token, embedded engine', direct, offered!.name, client);

const instant = new ScriptedBackend();
const provider = await network.addProvider(instant);
network.joinThrough(provider.node);
const second = await network.addClient();
await network.known(second, 1);
await compare('time to first token, engine that answers at once', instant, 'parrot:latest', second);
await direct.close();
child.kill();
process.exit();
