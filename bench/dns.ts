/*
 * Zones as an operator meets them, whole processes: a zone of 10,000 records exported in each format.
 *
 *   npm run build && node bench/dns.ts [--rounds 5]
 */
import {spawnSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {parseArgs} from 'node:util';

import {base58btc} from 'multiformats/bases/base58';

const RUN_JS = join(import.meta.dirname, '..', 'bin', 'run.js');
const FORMATS = ['bind', 'json', 'terraform', 'octodns'];
/** Bootstraps and as many relays: with their lists some 10,000 records. */
const NODES = 440;

const {values} = parseArgs({options: {rounds: {type: 'string', default: '5'}}});
const folder = mkdtempSync(join(tmpdir(), 'q-bench-dns-'));
const environment = {...process.env, QUIVER_HOME: folder, NODE_ENV: 'production'};

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

try {
  writeFileSync(join(folder, 'quiver.yaml'), settings(NODES));
  for (const format of FORMATS) {
    const times = Array.from({length: Number(values.rounds)}, () => seconds(format));
    console.log(
      `dns export --format ${format.padEnd(10)} ${median(times).toFixed(2)} s   (${records()} records, goal < 1)`,
    );
  }
} finally {
  rmSync(folder, {recursive: true, force: true});
}

function seconds(format: string): number {
  const start = performance.now();
  const {status, stderr} = spawnSync(process.execPath, [RUN_JS, 'dns', 'export', '--format', format, '--out', format], {
    cwd: folder,
    env: environment,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return (performance.now() - start) / 1_000;
}

function records(): number {
  return readFileSync(join(folder, 'bind'), 'utf8')
    .split('\n')
    .filter((line) => / IN /.test(line)).length;
}

function settings(nodes: number): string {
  const numbers = Array.from({length: nodes}, (_, index) => index + 1);
  const address = (block: number, index: number): string =>
    `9.${block}.${index >> 8}.${index & 255},2600:${block}:${index.toString(16)}::1`;
  const hosts = [
    ...['gateway', 'signal', 'registry', 'stun', 'turn'].map((label, index) => `${label}=${address(1, index)}`),
    ...numbers.flatMap((index) => [`bootstrap${index}=${address(2, index)}`, `relay${index}=${address(3, index)}`]),
  ];
  const peers = numbers.flatMap((index) => [`bootstrap${index}=${peerId(index)}`, `relay${index}=${peerId(-index)}`]);
  const list = (lines: readonly string[]): string => lines.map((line) => `    - ${line}\n`).join('');
  return `dns:\n  zone: quiver.example\n  layout: distributed\n  name_servers: [ns1.dns.example]\n  hosts:\n${list(hosts)}  peer_ids:\n${list(peers)}`;
}

/** A peer id of an Ed25519 key, whose bytes are the number. */
function peerId(index: number): string {
  const key = new Uint8Array(38);
  key.set([0x00, 0x24, 0x08, 0x01, 0x12, 0x20]);
  new DataView(key.buffer).setInt32(6, index);
  return base58btc.baseEncode(key);
}
