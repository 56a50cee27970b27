import {stripVTControlCharacters, styleText} from 'node:util';

import {maskUserInfo} from '../config/config.ts';
import {EXIT, QuiverError, type ExitCode} from '../core/errors.ts';

/** What is said of any error, to a person or a program: nothing else of it ever leaves the process. */
export interface ErrorReport {
  code: string;
  message: string;
  fix: string;
}

export interface RenderedError {
  report: ErrorReport;
  exit: ExitCode;
  /** Present for our own bugs only. */
  stack?: string;
}

/** Where a user takes a stack trace; no such place is public yet, so the sentence names none. */
const BUG_FIX = 'This is a bug in quiver. Please report it with the lines above and `quiver --version`.';

export function renderError(error: unknown): RenderedError {
  if (error instanceof QuiverError) {
    const {code, message, fix, exit} = error;
    return {report: {code, message: maskUserInfo(message), fix: maskUserInfo(fix)}, exit};
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : thrownText(error);
  const report = {code: 'INTERNAL', message: maskUserInfo(message), fix: BUG_FIX};
  const stack = error instanceof Error && error.stack !== undefined ? maskUserInfo(error.stack) : undefined;
  return {report, exit: EXIT.failed, ...(stack === undefined ? {} : {stack})};
}

/** Somebody threw what is no error; an object may hold anything, so only its type is told. */
function thrownText(thrown: unknown): string {
  return typeof thrown === 'string' ? thrown : `A value of type ${typeof thrown} was thrown`;
}

/** The lines for a person, coloured when the stream is a terminal that wants it. */
export function errorText({report, stack}: RenderedError, stream: NodeJS.WritableStream = process.stderr): string {
  const paint = (format: Parameters<typeof styleText>[0], text: string): string => styleText(format, text, {stream});
  const head = stack ?? report.message;
  return `${paint(['bold', 'red'], 'Error:')} ${head}\n${paint('bold', 'Try:')} ${report.fix}\n`;
}

/**
 * What oclif's parser threw, as an error of ours: every one of them is wrong usage, while oclif's own exit status
 * depends on the class (a bad option value, a flag without a value and extra words would be 1).
 */
export function usageError(error: unknown, commandLine: string): QuiverError {
  if (error instanceof QuiverError) {
    const {code, message, fix, cause} = error;
    return new QuiverError({code, message, fix, cause, exit: EXIT.usage});
  }
  const text = error instanceof Error ? error.message : String(error);
  return new QuiverError({
    code: 'USAGE',
    message: usageText(text),
    fix: `${commandLine} --help`,
    exit: EXIT.usage,
  });
}

/** oclif's sentence without its frame: the pointer to --help is our fix, and the list has mostly one item. */
function usageText(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/\n?See more help with --help/g, '')
    .replace(/^The following errors? occurred:\s+/, '')
    .trim();
}

/** Ctrl-C (or SIGTERM) during a one-shot command. */
export function interruptedError(): QuiverError {
  return new QuiverError({
    code: 'INTERRUPTED',
    message: 'Interrupted',
    fix: 'Run it again to start over.',
    exit: EXIT.interrupted,
  });
}
