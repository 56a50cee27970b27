import {existsSync} from 'node:fs';
import type {Readable} from 'node:stream';

import {EXIT, QuiverError} from '../core/errors.ts';
import {readAll} from '../core/read-all.ts';
import {parseAmount, parseDuration} from '../core/units.ts';
import type {InferRequest} from '../inference/client/infer-types.ts';
import type {ChatMessage} from '../inference/backend.ts';

/** What a provider takes at most. */
const MAX_PROMPT_BYTES = 768 * 1024;
/** Nobody waits longer for one answer; timers of Node end at once past 25 days. */
const MAX_TIMEOUT_MS = 86_400_000;

export interface InferFlags {
  model?: string | undefined;
  system?: string | undefined;
  'max-tokens'?: number | undefined;
  temperature?: string | undefined;
  seed?: number | undefined;
  'max-price'?: string | undefined;
  race?: number | undefined;
  broadcast: boolean;
  trace: boolean;
  timeout?: string | undefined;
}

/** The request that the flags of `quiver infer` describe. Throws a usage error naming what is wrong. */
export function inferRequest(prompt: string, flags: InferFlags): InferRequest {
  const {model, system, seed, race, broadcast, trace} = flags;
  const instructions: ChatMessage[] = system === undefined ? [] : [{role: 'system', content: system}];
  const totalMs = flags.timeout === undefined ? undefined : parseTimeout(flags.timeout);
  return {
    messages: [...instructions, {role: 'user', content: prompt}],
    broadcast,
    trace,
    ...(model !== undefined && !isModelFile(model) && {model}),
    ...(flags['max-tokens'] !== undefined && {maxTokens: flags['max-tokens']}),
    ...(flags.temperature !== undefined && {temperature: parseTemperature(flags.temperature)}),
    ...(seed !== undefined && {seed}),
    ...(race !== undefined && {race}),
    ...(flags['max-price'] !== undefined && {maxPrice: readMaxPrice(flags['max-price'])}),
    ...(totalMs !== undefined && {deadlines: {totalMs, firstTokenMs: totalMs, tokenGapMs: totalMs}}),
  };
}

/** A GGUF file on this machine, as opposed to the name of a model on the network. */
export function isModelFile(model: string): boolean {
  return model.endsWith('.gguf') && (model.includes('/') || existsSync(model));
}

/** The prompt itself, or with `-` all of stdin. */
export async function readPrompt(prompt: string, stdin: Readable): Promise<string> {
  if (prompt !== '-') return checked(prompt);
  const tooLong = (): QuiverError => badPrompt(`is longer than ${MAX_PROMPT_BYTES} bytes`);
  return checked((await readAll(stdin, MAX_PROMPT_BYTES, tooLong)).toString());
}

function checked(prompt: string): string {
  if (prompt.trim() === '') throw badPrompt('is empty');
  if (Buffer.byteLength(prompt) > MAX_PROMPT_BYTES) throw badPrompt(`is longer than ${MAX_PROMPT_BYTES} bytes`);
  return prompt;
}

function parseTimeout(text: string): number {
  const ms = parseDuration(text);
  if (ms > 0 && ms <= MAX_TIMEOUT_MS) return ms;
  throw new QuiverError({
    code: 'BAD_TIMEOUT',
    message: `${text} is no time to wait for an answer`,
    fix: 'Give a duration above 0 and up to 24h, e.g. --timeout 90s',
    exit: EXIT.usage,
  });
}

/** Costs are uint128. */
function readMaxPrice(text: string): bigint {
  const amount = parseAmount(text);
  if (amount < 2n ** 128n) return amount;
  throw new QuiverError({
    code: 'BAD_MAX_PRICE',
    message: `No answer costs ${text} QUIV`,
    fix: 'Give a lower limit, or leave --max-price out.',
    exit: EXIT.usage,
  });
}

function parseTemperature(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 2) return value;
  throw new QuiverError({
    code: 'BAD_TEMPERATURE',
    message: `"${text}" is not a temperature`,
    fix: 'Give a number from 0 (always the likeliest word) to 2, e.g. --temperature 0.7',
    exit: EXIT.usage,
  });
}

function badPrompt(problem: string): QuiverError {
  return new QuiverError({
    code: 'BAD_PROMPT',
    message: `The prompt ${problem}`,
    fix: 'Give one: quiver infer "What is a relay node?", or pipe one in: cat question.txt | quiver infer -',
    exit: EXIT.usage,
  });
}
