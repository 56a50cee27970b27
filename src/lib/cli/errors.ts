import {stripVTControlCharacters, styleText} from 'node:util';

import {EXIT, QuiverError, type ExitCode} from '../core/errors.ts';
import {maskCredentials} from '../core/mask.ts';
import {explainFileError} from '../core/system-error.ts';
import {plainLines} from './output.ts';

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
  const known = error instanceof QuiverError ? error : explainFileError(error);
  if (known !== undefined) {
    const {code, message, fix, exit} = known;
    return {report: {code, message: maskCredentials(message), fix: maskCredentials(fix)}, exit};
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : thrownText(error);
  const report = {code: 'INTERNAL', message: maskCredentials(message), fix: BUG_FIX};
  const stack = error instanceof Error && error.stack !== undefined ? maskCredentials(error.stack) : undefined;
  return {report, exit: EXIT.failed, ...(stack === undefined ? {} : {stack})};
}

/** Somebody threw what is no error; an object may hold anything, so only its type is told. */
function thrownText(thrown: unknown): string {
  return typeof thrown === 'string' ? thrown : `A value of type ${typeof thrown} was thrown`;
}

/** The lines for a person, coloured when the stream is a terminal that wants it. */
export function errorText({report, stack}: RenderedError, stream: NodeJS.WritableStream = process.stderr): string {
  const paint = (format: Parameters<typeof styleText>[0], text: string): string => styleText(format, text, {stream});
  // Peers and back ends have a say in some messages.
  const head = plainLines(stack ?? report.message);
  return `${paint(['bold', 'red'], 'Error:')} ${head}\n${paint('bold', 'Try:')} ${plainLines(report.fix)}\n`;
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

/**
 * oclif's sentence on one line and without its frame: the pointer to --help is our fix, and the list has mostly one
 * item. Its note on flags with several values is not true of ours, and what was given to an unknown flag may be secret.
 */
function usageText(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/\n?See more help with --help/g, '')
    .replace(/\n+Note: --[^]*? allows multiple values\.[^]*$/, '')
    .replace(/^The following errors? occurred:\s+/, '')
    .replace(/^Parsing (--[\w-]+)\s+/gm, '$1: ')
    .replace(/Nonexistent flag.*/, (line) => line.replaceAll(/=\S*/g, ''))
    .trim()
    .replace(/\s*\n\s*/g, ' ');
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
