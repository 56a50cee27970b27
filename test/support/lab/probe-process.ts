// Looks at a TURN server from outside: `node probe-process.ts '<Target as JSON>' [part of a name]` prints a line of JSON
// for each probe.
import {createHmac} from 'node:crypto';

import {allocationProbes} from './probes/allocation.ts';
import {authenticationProbes} from './probes/authentication.ts';
import {bindingProbes} from './probes/binding.ts';
import {dataProbes} from './probes/data.ts';
import {peerProbes} from './probes/peers.ts';
import {Peer, type Probe, type ProbeLab, type Target} from './probes/probe.ts';
import {robustnessProbes} from './probes/robustness.ts';
import {streamProbes} from './probes/streams.ts';
import {type Credential, RawClient, silence} from './raw-client.ts';

const AT_ONCE = 6;
const LIFETIME_SECONDS = 3_600;
const PROBE_DEADLINE_MS = 30_000;
const PATIENT_SILENCE_MS = 2_000;
const SECOND_CHANCES = 10;

export interface ProbeResult {
  name: string;
  source: string;
  result: 'pass' | 'fail' | 'not applicable';
  why?: string;
}

const [json = '{}', part = ''] = process.argv.slice(2);
const target = JSON.parse(json) as Target;
let users = 0;

/** A user that has nothing yet, so that no quota is met by accident. */
function credential(user?: string, expires = Math.floor(Date.now() / 1_000) + LIFETIME_SECONDS): Credential {
  users += 1;
  if (target.secret === undefined) return {username: `probe-${users}`, password: `secret-${users}`};
  const username = expires === -1 ? (user ?? '') : `${expires}:${user ?? `probe-${users}`}`;
  return {username, password: createHmac('sha1', target.secret).update(username).digest('base64')};
}

const lab: ProbeLab = {
  target,
  credential,
  client: async (server = {}) => {
    const {address, port} = target;
    return RawClient.open({address, port, from: target.own[0], ...server}, credential());
  },
  peer: async (which = 1, family = 4) => Peer.open((family === 6 ? target.own6! : target.own)[which]),
};

function isApplicable({needs}: Probe): boolean {
  if (needs === 'tcp') return target.tcp;
  if (needs === 'tls') return target.tlsPort !== undefined;
  if (needs === 'ipv6') return target.address6 !== undefined;
  return needs === undefined || target.secret !== undefined;
}

function report({name, source}: Probe, result: ProbeResult['result'], why?: string): void {
  const line: ProbeResult = {name, source, result, ...(why === undefined ? {} : {why})};
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** What was wrong, if anything. */
async function faultOf(probe: Probe): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('took too long')), PROBE_DEADLINE_MS);
  });
  try {
    await Promise.race([probe.run(lab), late]);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  } finally {
    clearTimeout(timer);
  }
}

const failed: {probe: Probe; why: string}[] = [];

async function run(probe: Probe): Promise<void> {
  if (!isApplicable(probe)) return report(probe, 'not applicable');
  const why = await faultOf(probe);
  if (why === undefined) report(probe, 'pass');
  else failed.push({probe, why});
}

const waiting = [
  ...bindingProbes,
  ...authenticationProbes,
  ...allocationProbes,
  ...dataProbes,
  ...peerProbes,
  ...streamProbes,
].filter(({name}) => name.includes(part));
const worker = async (): Promise<void> => {
  for (let probe = waiting.shift(); probe !== undefined; probe = waiting.shift()) await run(probe);
};
await Promise.all(Array.from({length: AT_ONCE}, worker));
for (const probe of robustnessProbes) if (probe.name.includes(part)) await run(probe);

// A few may have met a machine that stalled: they are asked once more, with patience. A server that fails more is no
// matter of that.
silence.ms = PATIENT_SILENCE_MS;
for (const {probe, why} of failed) {
  const still = failed.length > SECOND_CHANCES ? why : await faultOf(probe);
  report(probe, still === undefined ? 'pass' : 'fail', still);
}
process.exit();
