// Every example in every command's help is run, as it stands there, against one network that is up.
import {type ChildProcess, spawn} from 'node:child_process';
import {mkdirSync, symlinkSync, writeFileSync} from 'node:fs';
import path from 'node:path';

import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {DNS_ENVIRONMENT, DNS_EXITS, ZONE_FILE} from '../support/dns/examples.ts';
import {furnishMoney, MONEY_ENVIRONMENT, MONEY_EXITS} from '../support/furnish-money.ts';
import {commands, type ManifestCommand} from '../support/manifest.ts';
import {collect, ROOT, RUN_JS, type RunResult, spawnQuiver, temporaryHome, waitForLine} from '../support/quiver.ts';

const EXAMPLE_TIMEOUT_MS = 60_000;
/** Commands that serve until they are stopped; each gets a home of its own. */
const SERVES = /^quiver (up|run|\S+ start)\b/;
/** Run after all others: these end the time that others have, and the network that others ask. */
const LAST = [/^quiver chain (advance|mine)\b/, /^quiver stop\b/];
/** Examples that end with something other than 0 here, and why. */
const OTHER_EXITS = new Map<string, number>([
  ['quiver init', 2 /* asks, and there is no terminal to ask on */],
  ...MONEY_EXITS,
  ...DNS_EXITS,
]);
/** Stands in for default ports, which something else on this machine may have. */
const FREE_PORTS = Object.fromEntries(
  ['ADMIN', 'BOOTSTRAP', 'RELAY', 'PROVIDER', 'GATEWAY', 'CLIENT'].flatMap((service) =>
    ['PORT', 'QUIC_PORT', 'WS_PORT', 'WEBRTC_PORT'].map((port) => [`QUIVER_${service}_${port}`, '0']),
  ),
);

interface Network {
  home: string;
  env: NodeJS.ProcessEnv;
  process: ChildProcess;
  /** Of a peer to talk to. */
  address: string;
}

let place: Awaited<ReturnType<typeof temporaryHome>>;
let network: Network;

function examplesOf(id: string, {examples = []}: ManifestCommand): string[] {
  return examples.map((example) =>
    (typeof example === 'string' ? example : example.command)
      .replaceAll(/<%[=-] config\.bin %>/g, 'quiver')
      .replaceAll(/<%[=-] command\.id %>/g, id)
      .replace(/^\$ /, ''),
  );
}

/** What an example names for the sake of the reader, as it is called here. */
function inThisPlace(example: string): string {
  return example
    .replaceAll('/ip4/127.0.0.1/tcp/4001', network.address)
    .replaceAll('/media/stick', path.join(network.home, 'stick'));
}

/** A shell line with `quiver` on the path. */
function shell(line: string, cwd: string, env: NodeJS.ProcessEnv): ChildProcess {
  return spawn('bash', ['-c', `set -o pipefail; ${line}`], {
    cwd,
    env: {...env, PATH: `${path.join(place.home, 'bin')}:${env['PATH']}`},
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** The files that examples speak of. */
function furnish(folder: string): void {
  symlinkSync(path.join(ROOT, 'models'), path.join(folder, 'models'));
  writeFileSync(path.join(folder, 'question.txt'), 'What is a relay node?\n');
  writeFileSync(path.join(folder, 'zone.txt'), ZONE_FILE);
  mkdirSync(path.join(folder, 'stick'));
}

async function start(home: string, env: NodeJS.ProcessEnv): Promise<Network> {
  const child = spawnQuiver(['up', '--json'], {env, cwd: home});
  const line = await waitForLine(child, (text) => text.includes('"event":"ready"'), EXAMPLE_TIMEOUT_MS);
  const {services} = JSON.parse(line) as {services: {kind: string; addresses: string[]}[]};
  // Control commands speak through the first node.
  const [, address] = services.filter(({kind}) => kind === 'network.node').map((node) => node.addresses[0]);
  if (address === undefined) throw new Error(`fewer than two nodes in ${line}`);
  return {home, env, process: child, address};
}

async function runOnce(example: string): Promise<RunResult> {
  if (network.process.exitCode !== null) network = await start(network.home, network.env);
  return collect(shell(inThisPlace(example), network.home, network.env), EXAMPLE_TIMEOUT_MS);
}

/** Starts, waits until it serves, stops, unless it stops by itself. */
async function runUntilReady(example: string): Promise<RunResult> {
  await using own = await temporaryHome();
  furnish(own.home);
  const isReady = (line: string) => line.startsWith('ready: ') || line.includes('"event":"ready"');
  const child = shell(`exec ${inThisPlace(example)}`, own.home, {...own.env, ...FREE_PORTS});
  const ended = collect(child, EXAMPLE_TIMEOUT_MS);
  await waitForLine(child, isReady, EXAMPLE_TIMEOUT_MS);
  if (!example.includes('--once')) child.kill('SIGINT');
  return await ended;
}

beforeAll(async () => {
  place = await temporaryHome();
  mkdirSync(path.join(place.home, 'bin'));
  symlinkSync(RUN_JS, path.join(place.home, 'bin', 'quiver'));
  symlinkSync(process.execPath, path.join(place.home, 'bin', 'node'));
  furnish(place.home);
  network = await start(place.home, {...place.env, ...FREE_PORTS, ...MONEY_ENVIRONMENT, ...DNS_ENVIRONMENT});
  await furnishMoney(place.home);
  // Something for `receipts` and `stats` to show.
  expect(
    await collect(spawnQuiver(['infer', 'hello'], {env: network.env, cwd: network.home}), EXAMPLE_TIMEOUT_MS),
  ).toMatchObject({code: 0});
}, 120_000);

afterAll(async () => {
  if (network?.process.exitCode === null) {
    const ended = collect(network.process, 10_000);
    network.process.kill('SIGTERM');
    await ended;
  }
  await place[Symbol.asyncDispose]();
});

describe('help examples', () => {
  const rank = (example: string): number => LAST.findIndex((pattern) => pattern.test(example));
  const all = [...commands()].flatMap(([id, command]) => examplesOf(id, command));
  const cases = all.toSorted((a, b) => rank(a) - rank(b));

  it.each(cases)('%s', {timeout: EXAMPLE_TIMEOUT_MS + 5_000}, async (example) => {
    const {code, signal, stdout, stderr} = await (SERVES.test(example) ? runUntilReady(example) : runOnce(example));
    expect({code, signal, stderr: code === 0 ? '' : stderr}).toEqual({
      code: OTHER_EXITS.get(example) ?? 0,
      signal: null,
      stderr: OTHER_EXITS.has(example) ? (expect.any(String) as string) : '',
    });
    if (!example.includes('--json')) return;
    for (const line of asDocuments(stdout)) expect(() => JSON.parse(line) as unknown, line).not.toThrow();
  });
});

/** One object, or one a line. */
function asDocuments(stdout: string): string[] {
  const text = stdout.trim();
  return text.startsWith('{\n') ? [text] : text.split('\n');
}
