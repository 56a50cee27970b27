// Looks at a TURN server from outside: `node probe-process.ts '<Target as JSON>'` prints one line of JSON per probe.
import {createHmac} from 'node:crypto';

import {allocationProbes} from './probes/allocation.ts';
import {authenticationProbes} from './probes/authentication.ts';
import {bindingProbes} from './probes/binding.ts';
import {dataProbes} from './probes/data.ts';
import {peerProbes} from './probes/peers.ts';
import {Peer, type Probe, type ProbeLab, type Target} from './probes/probe.ts';
import {robustnessProbes} from './probes/robustness.ts';
import {streamProbes} from './probes/streams.ts';
import {type Credential, RawClient} from './raw-client.ts';

const AT_ONCE = 6;
const LIFETIME_SECONDS = 3_600;
const PROBE_DEADLINE_MS = 30_000;

export interface ProbeResult {
  name: string;
  source: string;
  result: 'pass' | 'fail' | 'not applicable';
  why?: string;
}

const target = JSON.parse(process.argv[2] ?? '{}') as Target;
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

async function run(probe: Probe): Promise<void> {
  const report = (result: ProbeResult['result'], why?: string): void => {
    const line: ProbeResult = {name: probe.name, source: probe.source, result, ...(why === undefined ? {} : {why})};
    process.stdout.write(`${JSON.stringify(line)}\n`);
  };
  if (!isApplicable(probe)) {
    report('not applicable');
    return;
  }
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('took too long')), PROBE_DEADLINE_MS);
  });
  try {
    await Promise.race([probe.run(lab), late]);
    report('pass');
  } catch (error) {
    report('fail', (error as Error).message);
  } finally {
    clearTimeout(timer);
  }
}

const waiting = [
  ...bindingProbes,
  ...authenticationProbes,
  ...allocationProbes,
  ...dataProbes,
  ...peerProbes,
  ...streamProbes,
];
const worker = async (): Promise<void> => {
  for (let probe = waiting.shift(); probe !== undefined; probe = waiting.shift()) await run(probe);
};
await Promise.all(Array.from({length: AT_ONCE}, worker));
for (const probe of robustnessProbes) await run(probe);
process.exit();
