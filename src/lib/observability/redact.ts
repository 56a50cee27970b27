import {maskCredentials} from '../core/mask.ts';

/** Keys whose values are never logged, compared in lower case without `_` and `-`. Prompts and answers count as such. */
const SECRET_KEYS = new Set([
  'apikey',
  'apitoken',
  'answer',
  'authorization',
  'authsecret',
  'authtoken',
  'completion',
  'cookie',
  'credential',
  'headers',
  'messages',
  'mnemonic',
  'passphrase',
  'password',
  'privatekey',
  'prompt',
  'proxyauthorization',
  'secret',
  'secretkey',
  'seedphrase',
  'setcookie',
  'token',
]);
const HIDDEN = '[hidden]';
/** Logged objects are flat; what lies deeper is not worth its bytes. */
const DEPTH_LIMIT = 4;
const ITEM_LIMIT = 50;
const TEXT_LIMIT_CHARACTERS = 4_096;

/** A copy that is safe and small to log: secrets and credentials in URLs hidden, errors without the objects that hang on them, bigint as text. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'string') return safeText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return safeError(value, depth);
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  if (depth >= DEPTH_LIMIT) return '[…]';
  if (Array.isArray(value)) return value.slice(0, ITEM_LIMIT).map((item: unknown) => redact(item, depth + 1));
  const entries = Object.entries(value).slice(0, ITEM_LIMIT);
  return Object.fromEntries(entries.map(([key, item]) => [key, isSecret(key) ? HIDDEN : redact(item, depth + 1)]));
}

function safeText(text: string): string {
  const masked = maskCredentials(text.slice(0, TEXT_LIMIT_CHARACTERS));
  return text.length > TEXT_LIMIT_CHARACTERS ? `${masked}…` : masked;
}

function isSecret(key: string): boolean {
  return SECRET_KEYS.has(key.toLowerCase().replaceAll(/[_-]/g, ''));
}

/** Libraries hang requests, with headers and keys in them, on their errors; take only what says what happened. */
function safeError(error: Error, depth: number): Record<string, unknown> {
  const code = 'code' in error ? error.code : undefined;
  return {
    type: error.name,
    message: safeText(error.message),
    ...((typeof code === 'string' || typeof code === 'number') && {code}),
    ...(error.stack !== undefined && {stack: safeText(error.stack)}),
    ...(error.cause !== undefined && depth < DEPTH_LIMIT && {cause: redact(error.cause, depth + 1)}),
  };
}
