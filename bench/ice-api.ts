// The ICE servers API at a steady 1,000 requests a second on loopback: time from when a request was due to the end of
// its answer, so that a server that stalls is charged for all it kept waiting; beside it from when it was really sent,
// which is what counts when this machine has too much to do to send in time. The server runs in a process of its own,
// beside a TURN server whose addresses it lists; over connections that stay and over new ones.
//
//   node bench/ice-api.ts [--rate 1000] [--seconds 10]
import {fork} from 'node:child_process';
import {once} from 'node:events';
import {Agent, get} from 'node:http';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';

import {createLogger} from '../src/lib/observability/logger.ts';
import {createHost} from '../src/lib/service/host.ts';
import {readIceAnswer} from '../src/lib/stun/ice-server.ts';
import {IceApiService} from '../src/lib/turn/ice-api/ice-api-service.ts';
import {TurnService} from '../src/lib/turn/turn-service.ts';

const {values, positionals} = parseArgs({
  options: {rate: {type: 'string', default: '1000'}, seconds: {type: 'string', default: '10'}},
  allowPositionals: true,
});
const rate = Number(values.rate);
const seconds = Number(values.seconds);
interface Times {
  /** In ms, in order. */
  fromDue: number[];
  fromSent: number[];
}

if (positionals[0] === 'serve') await serve();
else await measure();

async function serve(): Promise<void> {
  const secrets = ['a-secret-for-this-benchmark-only'];
  const turn = new TurnService({
    listen: {hosts: ['127.0.0.1'], port: 0, tcp: true},
    relay: {addresses: [{address: '127.0.0.1'}], ports: [50_000, 50_999]},
    realm: 'turn.example',
    secrets,
    users: new Map(),
    peers: {allow: [], deny: []},
  });
  const api = new IceApiService({port: 0, secrets: () => secrets, after: ['turn']});
  const log = await createLogger({level: 'warn'});
  const host = createHost({services: [turn, api], log, profile: 'local', version: '0'});
  await host.start();
  process.on('message', () => process.send?.(process.cpuUsage()));
  process.once('disconnect', () => void host.stop());
  process.send?.(api.info().addresses[0]);
}

async function measure(): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), ['serve']);
  const [url] = (await once(child, 'message')) as [string];
  console.log(`${rate} requests/s for ${seconds} s to ${new URL(url).pathname}`);
  console.log('connections    p50 due    p99 due    max due   p50 sent   p99 sent   CPU per request   answered');
  for (const [label, keepAlive] of [
    ['kept', true],
    ['new each time', false],
  ] as const) {
    const agent = new Agent({keepAlive, maxSockets: 256});
    await run(url, agent, 1);
    const before = await cpuOf(child);
    const {fromDue, fromSent} = await run(url, agent, seconds);
    const cpuUs = (await cpuOf(child)) - before;
    agent.destroy();
    const columns = [at(fromDue, 0.5), at(fromDue, 0.99), at(fromDue, 1), at(fromSent, 0.5), at(fromSent, 0.99)];
    const cpu = `${(cpuUs / fromDue.length).toFixed(0)} us`.padStart(18);
    console.log(`${label.padEnd(13)}${columns.join('')}${cpu}${`${fromDue.length}`.padStart(11)}`);
  }
  child.disconnect();
}

function at(times: readonly number[], quantile: number): string {
  const timeMs = times[Math.min(times.length - 1, Math.floor(times.length * quantile))] ?? Number.NaN;
  return `${timeMs.toFixed(2)} ms`.padStart(11);
}

/** Sends what is due every millisecond. */
async function run(url: string, agent: Agent, durationS: number): Promise<Times> {
  const times: Times = {fromDue: [], fromSent: []};
  const answers: Promise<void>[] = [];
  const startMs = performance.now();
  for (let sent = 0; sent < rate * durationS;) {
    const nowMs = performance.now() - startMs;
    for (; sent < rate * durationS && (sent * 1_000) / rate <= nowMs; sent += 1) {
      answers.push(time(`${url}?user_did=did:peers:user${sent}`, agent, startMs + (sent * 1_000) / rate, times));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(answers);
  for (const list of [times.fromDue, times.fromSent]) list.sort((a, b) => a - b);
  return times;
}

async function time(url: string, agent: Agent, dueMs: number, {fromDue, fromSent}: Times): Promise<void> {
  const sentMs = performance.now();
  await ask(url, agent);
  fromDue.push(performance.now() - dueMs);
  fromSent.push(performance.now() - sentMs);
}

async function ask(url: string, agent: Agent): Promise<void> {
  const {promise, resolve, reject} = Promise.withResolvers<void>();
  get(url, {agent}, (response) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (chunk) => (text += chunk));
    response.on('end', () => {
      if (response.statusCode !== 200 || readIceAnswer(JSON.parse(text)).servers.length === 0) reject(new Error(text));
      else resolve();
    });
  }).on('error', reject);
  return promise;
}

async function cpuOf(child: ReturnType<typeof fork>): Promise<number> {
  child.send('cpu');
  const [usage] = (await once(child, 'message')) as [NodeJS.CpuUsage];
  return usage.user + usage.system;
}
