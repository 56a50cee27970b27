import {QuiverError} from '../core/errors.ts';
import {fromErrorBody} from './error-body.ts';

/** A receipt with its request fits many times; more means that the other side is not ours. */
const LINE_LIMIT_CHARACTERS = 1024 * 1024;

/**
 * Reads JSON lines from text chunks.
 * A line `{"error":{code,message,fix}}` is thrown as that error; a line past 1 Mi characters or that is not JSON too.
 */
export async function* readLines(chunks: AsyncIterable<string>): AsyncGenerator<unknown, void> {
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield readLine(line);
    if (rest.length > LINE_LIMIT_CHARACTERS) throw garbled('a line is too long');
  }
  if (rest !== '') yield readLine(rest);
}

function readLine(line: string): unknown {
  if (line.length > LINE_LIMIT_CHARACTERS) throw garbled('a line is too long');
  const value = parse(line);
  if (typeof value !== 'object' || value === null || !('error' in value)) return value;
  const error = fromErrorBody(value.error);
  if (error !== undefined) throw error;
  return value;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw garbled('a line is not JSON');
  }
}

function garbled(problem: string): QuiverError {
  return new QuiverError({
    code: 'CONTROL_PROTOCOL',
    message: `The running process sent something unreadable: ${problem}`,
    fix: 'Restart it with this version of quiver: quiver stop && quiver up',
  });
}
