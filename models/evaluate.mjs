// Ask quiver-tiny every question of a question file and score the answers.
//
//   node models/evaluate.mjs [--questions FILE] [--model FILE] [--floor 0.9] [--plain] [--stride N] [--quiet] [--write FILE]
//
// A question counts as right when its answer matches every pattern of `all` and none of `not`.
// Each question is asked three ways: as written, after a system prompt, and as the third turn of
// a chat. The score is that of the plain asking; the others are shown beside it.
import {createHash} from 'node:crypto';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {parseArgs} from 'node:util';
import {fileURLToPath} from 'node:url';
import {LlamaChatSession, getLlama} from 'node-llama-cpp';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const {values: flags} = parseArgs({
  options: {
    questions: {type: 'string', default: here('heldout.json')},
    model: {type: 'string', default: here('quiver-tiny.gguf')},
    floor: {type: 'string', default: '0.9'},
    plain: {type: 'boolean', default: false},
    stride: {type: 'string', default: '1'}, // ask only each Nth question
    quiet: {type: 'boolean', default: false},
    write: {type: 'string'}, // the description of the model to bring up to date with this score
  },
});

const llama = await getLlama({build: 'never', skipDownload: true, gpu: false, logLevel: 'error'});
const model = await llama.loadModel({modelPath: flags.model});
const context = await model.createContext({threads: 1, contextSize: 512});
const sequence = context.getSequence();
const EARLIER = ['Hello!', 'What is 2 plus 3?'];
let tokens = 0;
let spentMs = 0;

async function ask(question, {systemPrompt, earlier = []} = {}) {
  await sequence.clearHistory();
  const session = new LlamaChatSession({contextSequence: sequence, ...(systemPrompt ? {systemPrompt} : {})});
  for (const turn of earlier) await session.prompt(turn, {temperature: 0, maxTokens: 80});
  const begun = performance.now();
  const answer = await session.promptWithMeta(question, {temperature: 0, maxTokens: 200});
  spentMs += performance.now() - begun;
  tokens += model.tokenize(answer.responseText).length;
  session.dispose({disposeSequence: false});
  const stopped = answer.stopReason === 'eogToken' || answer.stopReason === 'stopGenerationTrigger';
  return stopped ? answer.responseText : `${answer.responseText} [did not stop]`;
}

function right(row, answer) {
  const has = (pattern) => new RegExp(pattern).test(answer);
  return row.all.every(has) && !row.not.some(has) && !answer.endsWith('[did not stop]');
}

const WAYS = flags.plain ? {plain: {}} : {
  plain: {},
  system: {systemPrompt: 'You are a helpful assistant.'},
  chat: {earlier: EARLIER},
};
const SAMPLE_STRIDE = 5; // the sample that a test asks again: about 40 questions, of all categories
const rows = JSON.parse(readFileSync(flags.questions, 'utf8')).filter((_, i) => i % Number(flags.stride) === 0);
const result = {};
const sample = {stride: SAMPLE_STRIDE, questions: 0, right: 0};
const failures = [];
for (const [way, options] of Object.entries(WAYS)) {
  const score = (result[way] = {all: [0, 0]});
  for (const [i, row] of rows.entries()) {
    const answer = await ask(row.question, options);
    const good = right(row, answer);
    if (way === 'plain' && i % SAMPLE_STRIDE === 0) {
      sample.questions += 1;
      sample.right += good ? 1 : 0;
    }
    for (const key of ['all', row.category]) {
      score[key] ??= [0, 0];
      score[key][0] += good ? 1 : 0;
      score[key][1] += 1;
    }
    if (!good) failures.push({way, category: row.category, question: row.question, answer, wanted: row.all, not: row.not});
  }
}

const [won, count] = result.plain.all;
const rate = Math.round((tokens / spentMs) * 1000);
for (const f of failures) {
  if (!flags.quiet || f.way === 'plain') console.log(`${f.way} ${f.category}: ${f.question}\n    ${f.answer}\n    wanted ${f.wanted.join(' and ')}`);
}
for (const [way, score] of Object.entries(result)) {
  const parts = Object.entries(score).map(([k, [a, b]]) => `${k} ${a}/${b} (${((100 * a) / b).toFixed(1)} %)`);
  console.log(`${way}: ${parts.join(', ')}`);
}
console.log(`${rate} tokens a second, prompts included, one thread`);

if (flags.write) {
  const known = existsSync(flags.write) ? JSON.parse(readFileSync(flags.write, 'utf8')) : {};
  const made = `${flags.model}.json`; // what train.py leaves beside the file it has just written
  const bytes = readFileSync(flags.model);
  const share = ([a, b]) => Math.round((1000 * a) / b) / 1000;
  const description = {
    ...known,
    ...(existsSync(made) ? JSON.parse(readFileSync(made, 'utf8')) : {}),
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    score: {
      questions: count,
      plain: Object.fromEntries(Object.entries(result.plain).map(([k, v]) => [k, share(v)])),
      ...(result.system ? {afterSystemPrompt: share(result.system.all), thirdTurn: share(result.chat.all)} : {}),
      sample,
    },
  };
  writeFileSync(flags.write, `${JSON.stringify(description, null, 2)}\n`);
}
await llama.dispose();
process.exitCode = won / count >= Number(flags.floor) ? 0 : 1;
