import {EXIT, QuiverError} from '../../core/errors.ts';
import type {Route} from '../../service/service.ts';
import type {ChatMessage, Role} from '../backend.ts';
import type {Deadlines} from '../wire/client-session.ts';
import {MAX_MESSAGES, MAX_STOP_CHARACTERS, MAX_STOPS, MAX_TEMPERATURE, ROLES} from '../wire/frames.ts';
import type {InferEvent, InferRequest, ModelSummary} from './infer-types.ts';
import {MAX_AT_ONCE} from './plan.ts';

export interface Asks {
  infer(request: InferRequest, signal: AbortSignal): AsyncIterable<InferEvent>;
  models(signal: AbortSignal): Promise<ModelSummary[]>;
}

/** Longest wait that a caller can ask for: a day. */
const MAX_DEADLINE_MS = 86_400_000;

/** The client over the control socket: one JSON line per event, as `quiver infer --json` prints them. */
export function inferRoutes(asks: Asks): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/infer',
      access: 'control',
      handle: ({body, signal}) => ({ndjson: asks.infer(readInferRequest(body), signal)}),
    },
    {
      method: 'GET',
      path: '/v1/models',
      access: 'control',
      handle: async ({signal}) => ({json: {models: await asks.models(signal)}}),
    },
  ];
}

/** Checks a request that a program made: what its types can't say. Throws BAD_REQUEST naming the field. */
export function checkInferRequest({maxPrice, ...request}: InferRequest): InferRequest {
  return readInferRequest({...request, ...(maxPrice !== undefined && {maxPrice: maxPrice.toString()})});
}

/** Reads a request that came as JSON; throws BAD_REQUEST naming the field. */
export function readInferRequest(body: unknown): InferRequest {
  const fields = asObject(body, 'the body');
  const model = optional(fields, 'model', isText);
  const maxTokens = optional(fields, 'maxTokens', isCount);
  const temperature = optional(fields, 'temperature', isTemperature);
  const seed = optional(fields, 'seed', isSeed);
  const stop = optional(fields, 'stop', isStops);
  const maxPrice = optional(fields, 'maxPrice', isAmount);
  const race = optional(fields, 'race', isAtOnce);
  const broadcast = optional(fields, 'broadcast', isBoolean);
  const trace = optional(fields, 'trace', isBoolean);
  const deadlines = fields['deadlines'] === undefined ? undefined : readDeadlines(fields['deadlines']);
  return {
    messages: readMessages(fields['messages']),
    ...(model !== undefined && {model}),
    ...(maxTokens !== undefined && {maxTokens}),
    ...(temperature !== undefined && {temperature}),
    ...(seed !== undefined && {seed}),
    ...(stop !== undefined && {stop}),
    ...(maxPrice !== undefined && {maxPrice: BigInt(maxPrice)}),
    ...(race !== undefined && {race}),
    ...(broadcast !== undefined && {broadcast}),
    ...(trace !== undefined && {trace}),
    ...(deadlines !== undefined && {deadlines}),
  };
}

function readMessages(value: unknown): ChatMessage[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_MESSAGES) throw badRequest('messages');
  return value.map((item: unknown) => {
    const {role, content} = asObject(item, 'messages') as {role?: unknown; content?: unknown};
    if (typeof role !== 'string' || !ROLES.has(role) || typeof content !== 'string') throw badRequest('messages');
    return {role: role as Role, content};
  });
}

function readDeadlines(value: unknown): Partial<Deadlines> {
  const fields = asObject(value, 'deadlines');
  const names = ['firstTokenMs', 'tokenGapMs', 'totalMs'] as const;
  return Object.fromEntries(
    names.flatMap((name) => {
      const ms = optional(fields, name, isCount);
      return ms === undefined ? [] : [[name, Math.min(ms, MAX_DEADLINE_MS)]];
    }),
  );
}

function optional<T>(fields: Record<string, unknown>, name: string, is: (value: unknown) => value is T): T | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (!is(value)) throw badRequest(name);
  return value;
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isTemperature = (value: unknown): value is number => inRange(value, 0, MAX_TEMPERATURE);
/** Counts travel as uint32. */
const isCount = (value: unknown): value is number => Number.isInteger(value) && inRange(value, 1, 2 ** 32 - 1);
const isAtOnce = (value: unknown): value is number => Number.isInteger(value) && inRange(value, 1, MAX_AT_ONCE);
const isSeed = (value: unknown): value is number => Number.isInteger(value) && inRange(value, 0, 2 ** 32 - 1);
const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
const isAmount = (value: unknown): value is string => typeof value === 'string' && /^\d{1,39}$/.test(value);
const isStops = (value: unknown): value is string[] =>
  Array.isArray(value) &&
  value.length <= MAX_STOPS &&
  value.every((text) => isText(text) && text !== '' && text.length <= MAX_STOP_CHARACTERS);

function inRange(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && value >= least && value <= most;
}

function asObject(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badRequest(name);
  return value as Record<string, unknown>;
}

function badRequest(field: string): QuiverError {
  return new QuiverError({
    code: 'BAD_REQUEST',
    message: `The request is not valid: ${field} is missing or not of its kind`,
    fix: 'See docs/protocol-stream.md for the fields of /v1/infer.',
    exit: EXIT.usage,
  });
}
