import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {parseArgs} from 'node:util';

import type {IceServer} from '../src/lib/stun/ice-server.ts';
import {writeCertificate} from '../test/support/lab/certificate.ts';
import {connectPair, type PairReport} from '../test/support/lab/ice-pair.ts';
import {Lab, type LabHost, type Surroundings} from '../test/support/lab/lab.ts';
import {TurnServer, UNLIMITED} from '../test/support/lab/turn-server.ts';

/*
 * How two stations reach each other: each pair of surroundings in network namespaces (root; Linux with nftables), our
 * ICE client at both ends, our TURN server on the open internet. Weighted by how often such pairs meet.
 *
 *   node bench/ice.ts [--rounds 3]
 *
 * The namespaces have no distance (this machine's kernel may lack netem), so the RTT a relay adds is that of its own
 * work; on the internet the way to it comes on top. Set-up times have the same limit: they are made of timers.
 */

/**
 * Of a hundred stations. What is measured:
 *  - carrier-grade NAT in 17-18 % of networks with subscribers and over 90 % of cellular ones; a mapping that depends
 *    on the endpoint (symmetric) in under 2 % of home routers, 11 % of fixed networks with carrier-grade NAT and about
 *    40 % of cellular ones: Richter et al., A Multi-perspective Analysis of Carrier-Grade NAT Deployment, IMC 2016,
 *    arxiv.org/abs/1605.05606 (about 40 % of cellular again in Kanaris and Pouwelse, 2023, arxiv.org/abs/2311.04658);
 *  - checked against the whole: 70 ± 7 % of hole punches succeed between peers that are both behind NAT (Trautwein et
 *    al., 2025, arxiv.org/abs/2510.27500); 22 % of conferences use TURN (callstats.io, in webrtchacks.com, 2016).
 * What is assumed: 5 stations on open hosts, 70 at home, 15 in fixed networks with carrier-grade NAT, 10 in cellular
 * ones, as servers at home and not telephones are what runs a station; 4 of all where UDP is blocked, 1 of them where
 * nothing but TLS ports is open; of the cones at home one in nine full, two in nine address-restricted, since no figure
 * is known; cones of carriers are port-restricted, behind a router of one's own.
 */
const STATIONS: [Surroundings, number][] = [
  ['open', 5],
  ['full-cone', 7],
  ['address-restricted', 15],
  ['port-restricted', 43],
  ['double-nat', 19],
  ['symmetric', 7],
  ['udp-blocked', 3],
  ['tls-only', 1],
];

const GOALS = {connected: 95, setupMs: 5_000, relayed: 20, addedRttMs: 200};

interface Try {
  pair: string;
  weight: number;
  report: PairReport | undefined;
}

const {values} = parseArgs({options: {rounds: {type: 'string', default: '3'}}});
const rounds = Number(values.rounds);
const folder = mkdtempSync(join(tmpdir(), 'q-bench-ice-'));
const lab = new Lab();
const {namespace, addresses} = lab.server('turn');
const host = addresses[0] ?? '';
const files = writeCertificate(folder, {address: host});
const tls = {port: 5349, ...files};
const server = await TurnServer.start({addresses, port: 3478, tls, secret: 'bench', limits: UNLIMITED}, namespace);
const ORDER = {messages: 50, caFile: files.certFile, deadlineMs: 20_000};
let stations = 0;

try {
  const tries: Try[] = [];
  console.log('pair'.padEnd(40), 'weight  connected  path       set-up ms (median)  RTT ms (median)');
  for (const [i, [one, share]] of STATIONS.entries()) {
    for (const [other, otherShare] of STATIONS.slice(i)) {
      const weight = (share * otherShare * (one === other ? 1 : 2)) / 100;
      const own = await pair(one, other, weight);
      tries.push(...own);
      print(own);
    }
  }
  summarise(tries, await addedRtt());
} finally {
  await server.kill();
  lab.close();
  rmSync(folder, {recursive: true, force: true});
}

type Hosts = readonly [LabHost, LabHost];

/** Two hosts, and what each reaches the server by. */
function place(one: Surroundings, other: Surroundings): {hosts: Hosts; servers: readonly [IceServer[], IceServer[]]} {
  stations += 1;
  const [a, b] = [`a${stations}`, `b${stations}`];
  return {
    hosts: [lab.station(a, one), lab.station(b, other)],
    servers: [server.iceServers(a), server.iceServers(b)],
  };
}

async function pair(one: Surroundings, other: Surroundings, weight: number): Promise<Try[]> {
  const {hosts, servers} = place(one, other);
  const tries: Try[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const report = await connectPair(hosts, {servers, policy: 'all', ...ORDER}).catch((): undefined => undefined);
    tries.push({pair: `${one} and ${other}`, weight: weight / rounds, report});
  }
  return tries;
}

/** What the relay adds between the same two open hosts, ms. */
async function addedRtt(): Promise<number> {
  const {hosts, servers} = place('open', 'open');
  const differences: number[] = [];
  for (let round = 0; round < Math.max(3, rounds); round += 1) {
    const relayed = await connectPair(hosts, {servers, policy: 'relay', ...ORDER});
    const direct = await connectPair(hosts, {servers, policy: 'all', ...ORDER});
    differences.push(median(relayed.rttsMs) - median(direct.rttsMs));
  }
  return median(differences);
}

function print(tries: readonly Try[]): void {
  const reports = tries.flatMap(({report}) => report ?? []);
  const kinds = [...new Set(reports.map(({type}) => type))].join('/');
  const weight = tries.reduce((sum, one) => sum + one.weight, 0);
  console.log(
    (tries[0]?.pair ?? '').padEnd(40),
    weight.toFixed(2).padStart(6),
    `${reports.length}/${tries.length}`.padStart(9),
    ` ${kinds.padEnd(12)}`,
    median(reports.map(({setupMs}) => setupMs))
      .toFixed(0)
      .padStart(12),
    median(reports.flatMap(({rttsMs}) => rttsMs))
      .toFixed(2)
      .padStart(18),
  );
}

function summarise(tries: readonly Try[], addedRttMs: number): void {
  const total = tries.reduce((sum, {weight}) => sum + weight, 0);
  const share = (wanted: (one: Try) => boolean): number =>
    (100 * tries.filter(wanted).reduce((sum, {weight}) => sum + weight, 0)) / total;
  const connected = share(({report}) => report !== undefined);
  const relayed = share(({report}) => report?.type === 'relay');
  const setupMs = weightedQuantile(tries, 0.95);
  console.log();
  console.log(`connected        ${connected.toFixed(1)} %  (goal ≥ ${GOALS.connected} %)`);
  console.log(`p95 set-up       ${setupMs.toFixed(0)} ms  (goal ≤ ${GOALS.setupMs} ms)`);
  console.log(`relayed          ${relayed.toFixed(1)} %  (goal < ${GOALS.relayed} %)`);
  console.log(`relay adds       ${addedRttMs.toFixed(2)} ms RTT  (goal ≤ ${GOALS.addedRttMs} ms)`);
}

/** Of the set-up time; who did not connect counts as slower than all. */
function weightedQuantile(tries: readonly Try[], quantile: number): number {
  const sorted = tries
    .map(({report, weight}) => ({weight, setupMs: report?.setupMs ?? Number.POSITIVE_INFINITY}))
    .toSorted((a, b) => a.setupMs - b.setupMs);
  let left = quantile * sorted.reduce((sum, {weight}) => sum + weight, 0);
  return sorted.find(({weight}) => (left -= weight) <= 0)?.setupMs ?? Number.POSITIVE_INFINITY;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}
