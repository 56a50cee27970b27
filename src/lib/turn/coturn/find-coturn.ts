import {execFile} from 'node:child_process';
import {promisify} from 'node:util';

import {EXIT, QuiverError} from '../../core/errors.ts';

const run = promisify(execFile);

/** Printing a version or the usage takes milliseconds. */
const RUN_TIMEOUT_MS = 10_000;
/** The usage has 40 KiB. */
const OUTPUT_LIMIT_BYTES = 1024 * 1024;
/** The first in which CVE-2026-27624 and what was found after it are mended. */
const OLDEST = [4, 17] as const;

export interface CoturnProgram {
  /** Absolute. */
  path: string;
  /** `4.17.1` */
  version: string;
  /** Whether it has an option, by its usage: `stateless-nonce`. */
  has(option: string): boolean;
}

/**
 * The coturn of this machine, found on the PATH unless the name is a path. One older than 4.17 is refused, unless
 * forced. Errors: COTURN_MISSING, COTURN_STRANGE, COTURN_VULNERABLE.
 */
export async function findCoturn(
  options: {program?: string | undefined; force?: boolean | undefined},
  signal?: AbortSignal,
): Promise<CoturnProgram> {
  const {program = 'turnserver', force = false} = options;
  const path = await which(program, signal);
  const version = /^(\d+)\.(\d+)\.\d+/m.exec(await output(path, '--version', signal));
  if (version === null) throw strange(path);
  const [text, major, minor] = version;
  const tooOld = Number(major) < OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) < OLDEST[1]);
  if (tooOld && !force) throw vulnerable(path, text);
  const usage = await output(path, '-h', signal);
  // Each stands at the beginning of a line, perhaps behind its short form.
  const known = new Set(Array.from(usage.matchAll(/^ +(?:-\w\b)?[ ,]*--([\w-]+)/gm), ([, name]) => name));
  return {path, version: text, has: (option) => known.has(option)};
}

/** As the shell finds it; this process' environment is not ours to read here. */
async function which(program: string, signal: AbortSignal | undefined): Promise<string> {
  const script = 'command -v -- "$1"';
  const found = await run('/bin/sh', ['-c', script, 'sh', program], {timeout: RUN_TIMEOUT_MS, ...at(signal)}).catch(
    () => undefined,
  );
  signal?.throwIfAborted();
  const path = found?.stdout.trim() ?? '';
  if (!path.startsWith('/')) throw missing(program);
  return path;
}

/** What it prints to its output; it does so with a status of its own choosing. */
async function output(path: string, flag: string, signal: AbortSignal | undefined): Promise<string> {
  const limits = {timeout: RUN_TIMEOUT_MS, maxBuffer: OUTPUT_LIMIT_BYTES, env: {}, ...at(signal)};
  const {stdout} = await run(path, [flag], limits).catch((error: unknown) => {
    signal?.throwIfAborted();
    return error as {stdout?: string};
  });
  return stdout ?? '';
}

function at(signal: AbortSignal | undefined): {signal?: AbortSignal} {
  return signal === undefined ? {} : {signal};
}

function missing(program: string): QuiverError {
  return new QuiverError({
    code: 'COTURN_MISSING',
    message: `The engine coturn needs the program ${program}, which is not on the PATH`,
    fix: 'Build coturn 4.17 or later (github.com/coturn/coturn), or use our own engine: --engine dgram',
  });
}

function strange(path: string): QuiverError {
  return new QuiverError({
    code: 'COTURN_STRANGE',
    message: `${path} does not say which version of coturn it is`,
    fix: `See what it says: ${path} --version`,
  });
}

function vulnerable(path: string, version: string): QuiverError {
  return new QuiverError({
    code: 'COTURN_VULNERABLE',
    message: `${path} is coturn ${version}, in which clients get round the rules for peers (CVE-2026-27624)`,
    fix: 'Build coturn 4.17 or later, use our own engine (--engine dgram), or run it all the same: --force-coturn',
    exit: EXIT.refused,
  });
}
