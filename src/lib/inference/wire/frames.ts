import {create, fromBinary, toBinary} from '@bufbuild/protobuf';
import type {MessageInitShape} from '@bufbuild/protobuf';

import {FrameSchema, QuestionSchema} from '../../records/gen/frames_pb.js';
import type {Frame, Question} from '../../records/gen/frames_pb.js';
import type {ChatRequest, Role} from '../backend.ts';
import {encodeFrame, ProtocolViolation} from './framing.ts';

export type FrameBody = NonNullable<MessageInitShape<typeof FrameSchema>['body']>;

/** A conversation with more turns than this is a mistake or an attack. */
export const MAX_MESSAGES = 1_024;
export const MAX_STOPS = 16;
/** Every engine keeps back as much of the answer as the longest stop text, to see whether it comes. */
export const MAX_STOP_CHARACTERS = 1_024;
const MAX_NAME_CHARACTERS = 256;
export const MAX_TEMPERATURE = 10;
export const ROLES: ReadonlySet<string> = new Set(['system', 'user', 'assistant', 'tool']);

export function frame(request: number, body: FrameBody): Frame {
  return create(FrameSchema, {request, body});
}

/** One frame with its length in front, as it goes on the wire. */
export function encode(message: Frame): Uint8Array {
  return encodeFrame(toBinary(FrameSchema, message));
}

/** Throws `ProtocolViolation` when the bytes are not a frame. */
export function decode(bytes: Uint8Array): Frame {
  try {
    return fromBinary(FrameSchema, bytes);
  } catch (cause) {
    throw new ProtocolViolation('a message is not a frame', {cause});
  }
}

/** The question as it travels; the receipt holds the hash of exactly these bytes. */
export function encodeQuestion(request: ChatRequest): Uint8Array {
  return toBinary(
    QuestionSchema,
    create(QuestionSchema, {
      model: request.model,
      messages: request.messages.map(({role, content}) => ({role, content})),
      maxTokens: request.maxTokens,
      temperature: request.temperature,
      ...(request.seed === undefined ? {} : {seed: request.seed}),
      stop: [...(request.stop ?? [])],
    }),
  );
}

/** The other way; throws `ProtocolViolation` naming the field that is out of bounds. */
export function decodeQuestion(bytes: Uint8Array): ChatRequest {
  let question: Question;
  try {
    question = fromBinary(QuestionSchema, bytes);
  } catch (cause) {
    throw new ProtocolViolation('the question is not readable', {cause});
  }
  const problem = questionProblem(question);
  if (problem !== undefined) throw new ProtocolViolation(`the question is out of bounds: ${problem}`);
  return {
    model: question.model,
    messages: question.messages.map(({role, content}) => ({role: role as Role, content})),
    maxTokens: question.maxTokens,
    temperature: question.temperature,
    ...(question.seed === undefined ? {} : {seed: question.seed}),
    ...(question.stop.length === 0 ? {} : {stop: question.stop}),
  };
}

function questionProblem(question: Question): string | undefined {
  if (question.model === '' || question.model.length > MAX_NAME_CHARACTERS) return 'model';
  if (question.messages.length === 0 || question.messages.length > MAX_MESSAGES) return 'messages';
  if (question.messages.some(({role}) => !ROLES.has(role))) return 'role';
  if (question.maxTokens < 1) return 'max_tokens';
  if (!(question.temperature >= 0 && question.temperature <= MAX_TEMPERATURE)) return 'temperature';
  if (question.stop.length > MAX_STOPS) return 'stop';
  if (question.stop.some((text) => text === '' || text.length > MAX_STOP_CHARACTERS)) return 'stop';
  return undefined;
}

/** Bytes of text in a conversation: what is counted as the bytes of a request. */
export function promptBytes(request: Pick<ChatRequest, 'messages'>): number {
  return request.messages.reduce((sum, {content}) => sum + Buffer.byteLength(content), 0);
}

/** Cuts text into pieces of at most `maxBytes` of UTF-8, never inside a character. */
export function splitText(text: string, maxBytes: number): string[] {
  if (Buffer.byteLength(text) <= maxBytes) return [text];
  const pieces: string[] = [];
  let piece = '';
  let bytes = 0;
  for (const character of text) {
    const size = Buffer.byteLength(character);
    if (bytes + size > maxBytes) {
      pieces.push(piece);
      piece = '';
      bytes = 0;
    }
    piece += character;
    bytes += size;
  }
  pieces.push(piece);
  return pieces;
}
