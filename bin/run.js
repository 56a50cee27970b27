#!/usr/bin/env node
// Parses on any Node >= 18, so that an older one gets an explanation or a hand-over instead of a syntax error:
// nothing is imported statically here that Node 18 lacks.
import {spawn} from 'node:child_process';
import {existsSync} from 'node:fs';
import * as nodeModule from 'node:module';
import {homedir} from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const LOWEST_NODE = [24, 15];
const HANDED_OVER = 'QUIVER_HANDED_OVER';
// Often enough not to be waited for, and too seldom to be noticed.
const SHELL_LOOK_MS = 500;
const EXIT_FAILED = 1;

const [major, minor] = process.versions.node.split('.').map(Number);
const pinnedNode = path.join(ROOT, 'node_modules', '.bin', 'node');
const handedOver = process.env[HANDED_OVER] !== undefined;
delete process.env[HANDED_OVER];
if (process.env.npm_command === 'exec' && !handedOver) endWithShell();

if (major > LOWEST_NODE[0] || (major === LOWEST_NODE[0] && minor >= LOWEST_NODE[1])) {
  if (handedOver) endWithParent();
  await runCommand();
} else if (!handedOver && existsSync(pinnedNode)) {
  handOver();
} else {
  fail(
    `quiver needs Node ${LOWEST_NODE.join('.')} or newer; this is ${process.versions.node}.`,
    existsSync(path.join(ROOT, 'src'))
      ? 'npm ci   (brings the right Node into this checkout)'
      : 'nvm install 24   (or https://nodejs.org/en/download)',
  );
}

async function runCommand() {
  if (!existsSync(path.join(ROOT, 'dist', 'commands'))) fail('quiver is not built yet.', 'npm run build');
  ensureHome();
  // In the environment, so that processes we start use it too.
  process.env.NODE_COMPILE_CACHE ??= path.join(cacheHome(), 'quiver', 'compile');
  nodeModule.enableCompileCache?.();
  movePlaces();
  const [{run}, {handle}, {settings}] = await Promise.all([
    import('@oclif/core/run'),
    import('@oclif/core/handle'),
    import('@oclif/core/settings'),
  ]);
  // Else NODE_ENV=development or test makes oclif look for TypeScript sources and warn that it can't compile them.
  settings.enableAutoTranspile = false;
  try {
    await run(process.argv.slice(2), import.meta.url);
    // Not oclif's flush: it waits for a `drain` that never comes once the reader has gone (`| head`).
    await new Promise((resolve) => process.stdout.write('', resolve));
  } catch (error) {
    await handle(error);
  }
}

/** QUIVER_HOME moves what oclif and its plugins keep too: installed plugins, completion scripts. */
function movePlaces() {
  const home = process.env.QUIVER_HOME;
  if (!home) return;
  for (const place of ['config', 'data', 'cache']) {
    process.env[`QUIVER_${place.toUpperCase()}_DIR`] = path.join(path.resolve(home), place);
  }
}

/** What oclif stands on asks for a home as soon as it is loaded; a container's user may have none, or an empty HOME. */
function ensureHome() {
  try {
    if (path.isAbsolute(homedir())) return;
  } catch {
    // No HOME, and no entry for this user in the system.
  }
  if (!process.env.QUIVER_HOME) fail('This user has no home folder.', 'export QUIVER_HOME=/path/to/a/folder');
  process.env.HOME = path.resolve(process.env.QUIVER_HOME);
}

/** The user's own folder: compiled code from a shared temporary folder could be somebody else's. */
function cacheHome() {
  if (process.env.XDG_CACHE_HOME) return process.env.XDG_CACHE_HOME;
  return path.join(homedir(), ...(process.platform === 'darwin' ? ['Library', 'Caches'] : ['.cache']));
}

/** Runs the same command on the pinned Node and mirrors how it ends. */
function handOver() {
  const child = spawn(pinnedNode, [...process.execArgv, ...process.argv.slice(1)], {
    // The fourth is a channel whose only use is that it closes when this process dies, however it dies.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: {...process.env, [HANDED_OVER]: '1'},
  });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  // A terminal sends Ctrl-C to the child too; the child takes both for one (service/signals: 200 ms).
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`${pinnedNode} does not start: ${error.message}`, 'npm ci'));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    for (const each of signals) process.removeAllListeners(each);
    process.kill(process.pid, signal);
  });
}

/** A parent that was killed can't forward anything: take its end for a request to stop. */
function endWithParent() {
  process.channel?.unref();
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
}

/** npx passes a signal on to the shell that it starts us with, and to nothing below it: notice that the shell is gone. */
function endWithShell() {
  const shell = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, SHELL_LOOK_MS).unref();
}

function fail(message, fix) {
  process.stderr.write(`Error: ${message}\nTry: ${fix}\n`);
  process.exit(EXIT_FAILED);
}
