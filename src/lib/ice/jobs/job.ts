import {EXIT, QuiverError} from '../../core/errors.ts';

/** What a stream is for; the side that opens it says so first. */
export type JobHeader =
  | {kind: 'pipe'}
  | {kind: 'bench'}
  | {kind: 'file'; name: string; size: number}
  | {kind: 'forward'; host: string; port: number};

const NAME_LIMIT_CHARACTERS = 255;

/** The header of a stream, checked; undefined for anything else. */
export function readHeader(header: unknown): JobHeader | undefined {
  if (typeof header !== 'object' || header === null) return undefined;
  const {kind, name, size, host, port} = header as Record<string, unknown>;
  if (kind === 'pipe' || kind === 'bench') return {kind};
  if (kind === 'file' && isName(name) && typeof size === 'number' && Number.isSafeInteger(size) && size >= 0) {
    return {kind, name, size};
  }
  if (kind === 'forward' && isHost(host) && isPort(port)) return {kind, host, port};
  return undefined;
}

/** A name for a new file in a folder: no way out of it, nothing hidden, nothing that a terminal obeys. */
function isName(name: unknown): name is string {
  if (typeof name !== 'string' || name === '' || name.length > NAME_LIMIT_CHARACTERS) return false;
  return !/[/\\\p{Cc}\p{Bidi_Control}]/u.test(name) && !name.startsWith('.') && name.isWellFormed();
}

export function isHost(host: unknown): host is string {
  return typeof host === 'string' && /^[A-Za-z0-9_.:-]{1,253}$/.test(host);
}

export function isPort(port: unknown): port is number {
  return typeof port === 'number' && Number.isInteger(port) && port > 0 && port <= 65_535;
}

export function jobFailed(code: string, message: string, fix: string, cause?: unknown): QuiverError {
  return new QuiverError({code, message, fix, exit: EXIT.failed, cause});
}
