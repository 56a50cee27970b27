import type {ChildProcess} from 'node:child_process';

import type {IcePolicy} from '../../../src/lib/ice/path-types.ts';
import type {IceServer} from '../../../src/lib/stun/ice-server.ts';
import type {Signal} from './ipc-channel.ts';
import type {LabHost} from './lab.ts';

export interface Meet {
  kind: 'meet';
  /** Peer id of the other side. */
  peer: string;
  /** Who sends and measures, and who sends it back. */
  role: 'measure' | 'echo';
  servers: readonly IceServer[];
  policy: IcePolicy;
  /** How many go out and come back, one after the other. */
  messages: number;
  /** PEM, for TURN over TLS. */
  caFile: string;
  deadlineMs: number;
}

export type FromStation =
  | Signal
  | {kind: 'hello'; id: string}
  | {kind: 'failed'; why: string}
  | {kind: 'done'; report: PairReport};

/** How two stations reached each other, as the offering side sees it. */
export interface PairReport {
  type: 'host' | 'srflx' | 'relay';
  /** Types of the candidates used: `host`, `srflx`, `prflx`, `relay`. */
  local: string;
  remote: string;
  /** All of `connect`: asking the servers, every attempt. */
  setupMs: number;
  /** Of every message. */
  rttsMs: number[];
}

const FAREWELL_DEADLINE_MS = 5_000;
const SCRIPT = `${import.meta.dirname}/ice-process.ts`;

/** Lets two hosts of a lab connect, carrying their signals itself. Rejects where they don't. */
export async function connectPair(
  hosts: readonly [LabHost, LabHost],
  order: Omit<Meet, 'kind' | 'peer' | 'role' | 'servers'> & {
    servers: readonly [readonly IceServer[], readonly IceServer[]];
  },
): Promise<PairReport> {
  const stations = hosts.map((host) => station(host)) as [ChildProcess, ChildProcess];
  const [measuring, echoing] = stations;
  try {
    const ids = await Promise.all(stations.map(hello));
    return await new Promise<PairReport>((resolve, reject) => {
      for (const [i, from] of stations.entries()) {
        const to = stations[1 - i]!;
        from.on('exit', (code) => reject(new Error(`a station ended: ${code}`)));
        from.on('message', (message: FromStation) => {
          if (message.kind === 'signal') pass(to, message);
          else if (message.kind === 'done') resolve(message.report);
          else if (message.kind === 'failed') reject(new Error(message.why));
        });
      }
      const {servers, ...common} = order;
      echoing.send({kind: 'meet', peer: ids[0]!, role: 'echo', servers: servers[1], ...common} satisfies Meet);
      measuring.send({kind: 'meet', peer: ids[1]!, role: 'measure', servers: servers[0], ...common} satisfies Meet);
    });
  } finally {
    await Promise.all(stations.map(farewell));
  }
}

function station(host: LabHost): ChildProcess {
  return host.namespace.spawn(process.execPath, [SCRIPT], {stdio: ['ignore', 'inherit', 'inherit', 'ipc']});
}

async function hello(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`a station ended: ${code}`)));
    child.once('message', (message: FromStation) => resolve((message as {id: string}).id));
  });
}

/** Lets a station close its connections, which gives its allocations back. */
async function farewell(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.send({kind: 'bye'});
  const timer = setTimeout(() => child.kill('SIGKILL'), FAREWELL_DEADLINE_MS);
  await ended;
  clearTimeout(timer);
}

/** A station that has left takes no signals. */
function pass(to: ChildProcess, message: Signal): void {
  if (to.connected) to.send(message, () => undefined);
}
