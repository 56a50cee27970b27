import type {DestinationStream, Logger as PinoLogger} from 'pino';

import {readableLine} from './readable-line.ts';
import {redact} from './redact.ts';

/** Structured log; never given a prompt, an answer or a secret. */
export type Logger = PinoLogger;

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

const STDERR = 2;
/** Lines kept for when stderr takes them again; later ones are lost. */
const HELD_BACK_LIMIT_BYTES = 1024 * 1024;

export interface LoggerOptions {
  /** @default 'info' */
  level?: LogLevel;
  /** `json` for machines, one object a line; `text` for people. @default 'json' */
  format?: 'json' | 'text';
  /** @default stderr */
  destination?: DestinationStream;
}

/**
 * A logger that hides secrets and sheds what hangs on errors; pino is loaded only here.
 * Lines are written synchronously, so that none is lost when the process ends.
 */
export async function createLogger(options: LoggerOptions = {}): Promise<Logger> {
  const {pino} = await import('pino');
  const output = options.destination ?? standardError(pino);
  const destination = options.format === 'text' ? {write: (line: string) => output.write(readableLine(line))} : output;
  const log = pino(
    {
      level: options.level ?? 'info',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({level: label}),
        log: (object) => redact(object) as Record<string, unknown>,
      },
      // By the time pino's own serializer for `err` would run, redact has made a plain object of it.
      serializers: {err: (error: unknown) => redact(error)},
    },
    destination,
  );
  return redactChildren(log);
}

/** Who reads the log may go away, and its disk may fill up: a node that serves others goes on without it. */
function standardError(pino: typeof import('pino').pino): DestinationStream {
  return pino.destination({dest: STDERR, sync: true, maxLength: HELD_BACK_LIMIT_BYTES}).on('error', () => {});
}

type MakeChild = (this: Logger, bindings: unknown, options: unknown) => Logger;

/** pino applies no formatter to what a child logger is bound to. Children have their parent as prototype, hence this. */
function redactChildren(log: Logger): Logger {
  const {child: makeChild} = log as unknown as {child: MakeChild};
  const child: MakeChild = function child(bindings, options) {
    return makeChild.call(this, redact(bindings), options);
  };
  return Object.assign(log, {child});
}
