import {readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';
import {createEmbeddedBackend} from '../src/lib/inference/backends/embedded.ts';

/*
 * Embedded engine: tokens per second in this process (node-llama-cpp called directly) and through the engine process,
 * time to first token, CPU per token in the node, and memory.
 *
 *   node bench/engine.ts [--model FILE] [--tokens 400] [--rounds 5]
 */
const {values} = parseArgs({
  options: {
    model: {type: 'string', default: fileURLToPath(new URL('../models/quiver-tiny.gguf', import.meta.url))},
    tokens: {type: 'string', default: '400'},
    rounds: {type: 'string', default: '5'},
  },
});
const tokens = Number(values.tokens);
const rounds = Number(values.rounds);
const parallel = 4;
const prompt = 'Tell a long story about a quiver full of arrows.';

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
const kilobytesOf = (pid: number | 'self'): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
const show = (name: string, value: number, unit: string): void =>
  console.log(`${name.padEnd(46)}${value.toFixed(value < 10 ? 3 : 0).padStart(8)} ${unit}`);

/** Rate of a number of answers at once; a story that ends early is counted as far as it went. */
async function rate(run: () => Promise<number>, at: number): Promise<number> {
  const before = performance.now();
  const counts = await Promise.all(Array.from({length: at}, run));
  return (counts.reduce((sum, count) => sum + count, 0) / (performance.now() - before)) * 1000;
}

// Through the engine process first, so that this process is still small.
const backend = await createEmbeddedBackend({modelPath: values.model, slots: parallel});
const firstTokens: number[] = [];
const throughProcess = async (): Promise<number> => {
  const before = performance.now();
  let count = 0;
  const request = {
    model: '',
    messages: [{role: 'user', content: prompt} as const],
    maxTokens: tokens,
    temperature: 1,
    seed: 1,
  };
  for await (const event of backend.chat(request, new AbortController().signal)) {
    if (event.type !== 'delta') continue;
    if (count === 0) firstTokens.push(performance.now() - before);
    count += event.tokens;
  }
  return count;
};
await throughProcess();
firstTokens.length = 0;
const cpuBefore = process.cpuUsage();
let made = 0;
for (let round = 0; round < rounds; round++) made += await throughProcess();
const cpu = process.cpuUsage(cpuBefore);
const firstToken = median(firstTokens);
const nodeKilobytes = kilobytesOf('self');
const engineKilobytes = kilobytesOf(backend.pid ?? 'self');

const library = await import('node-llama-cpp');
const llama = await library.getLlama({
  build: 'never',
  skipDownload: true,
  gpu: false,
  logLevel: library.LlamaLogLevel.disabled,
});
const model = await llama.loadModel({modelPath: values.model});
const context = await model.createContext({
  contextSize: {max: model.trainContextSize},
  sequences: parallel,
  threads: 1,
});
const sequences = Array.from({length: parallel}, () => context.getSequence());
const wrapper = library.resolveChatWrapper(model, {warningLogs: false});
const history = [
  {type: 'user', text: prompt} as const,
  {type: 'model', response: []} as {type: 'model'; response: string[]},
];
const promptTokens = wrapper.generateContextState({chatHistory: history}).contextText.tokenize(model.tokenizer);
const directly = async (): Promise<number> => {
  const sequence = sequences.pop();
  if (sequence === undefined) throw new Error('no sequence left');
  await sequence.clearHistory();
  let count = 0;
  for await (const _ of sequence.evaluate(promptTokens, {temperature: 1, seed: 1})) if (++count >= tokens) break;
  sequences.push(sequence);
  return count;
};
await directly();

// In turns, and the best of each: whatever else this machine does can only slow either down.
const best = {direct1: 0, process1: 0, direct4: 0, process4: 0};
for (let round = 0; round < rounds; round++) {
  best.direct1 = Math.max(best.direct1, await rate(directly, 1));
  best.process1 = Math.max(best.process1, await rate(throughProcess, 1));
  best.direct4 = Math.max(best.direct4, await rate(directly, parallel));
  best.process4 = Math.max(best.process4, await rate(throughProcess, parallel));
}
await backend.close();

show('one answer, node-llama-cpp directly', best.direct1, 'tokens/s');
show('one answer, through the engine process', best.process1, 'tokens/s');
show('  ratio', best.process1 / best.direct1, '');
show(`${parallel} answers at once, directly`, best.direct4, 'tokens/s');
show(`${parallel} answers at once, through the engine process`, best.process4, 'tokens/s');
show('  ratio', best.process4 / best.direct4, '');
show('first token, through the engine process', firstToken, 'ms');
show('CPU in the node per token', (cpu.user + cpu.system) / made, 'µs');
show('memory of the node', nodeKilobytes / 1024, 'MiB');
show('memory of the engine process', engineKilobytes / 1024, 'MiB');
process.exit(0);
