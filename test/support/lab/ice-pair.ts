import type {ChildProcess} from 'node:child_process';

import type {LabHost} from './lab.ts';

export interface ConnectOrder {
  kind: 'connect';
  role: 'offerer' | 'answerer';
  servers: {urls: string[]; username?: string; credential?: string}[];
  relayOnly: boolean;
  /** How many go out and come back, one after the other. */
  messages: number;
}

export type ToStation =
  | ConnectOrder
  | {kind: 'description'; sdp: string; type: 'offer' | 'answer'}
  | {kind: 'candidate'; candidate: string; mid: string};

export type FromStation =
  | {kind: 'description'; sdp: string; type: string}
  | {kind: 'candidate'; candidate: string; mid: string}
  | {kind: 'failed'; why: string}
  | ({kind: 'done'} & Omit<PairReport, 'connected'>);

/** How two stations reached each other, as the offering side sees it. */
export interface PairReport {
  /** Types of the candidates used: `host`, `srflx`, `prflx`, `relay`. */
  local: string;
  remote: string;
  setupMs: number;
  /** Of every message. */
  rttsMs: number[];
}

const SCRIPT = `${import.meta.dirname}/ice-process.ts`;

/** Lets two hosts of a lab connect, carrying their signals itself; undefined where they didn't within the deadline. */
export async function connectPair(
  [a, b]: readonly [LabHost, LabHost],
  order: Omit<ConnectOrder, 'kind' | 'role'>,
  deadlineMs = 30_000,
): Promise<PairReport | undefined> {
  const [offerer, answerer] = [a, b].map((host) => station(host)) as [ChildProcess, ChildProcess];
  try {
    return await new Promise<PairReport | undefined>((resolve, reject) => {
      setTimeout(() => resolve(undefined), deadlineMs).unref();
      for (const [from, to] of [
        [offerer, answerer],
        [answerer, offerer],
      ] as const) {
        from.on('error', reject);
        from.on('message', (message: FromStation) => {
          if (message.kind === 'done') resolve(message);
          else if (message.kind === 'failed') resolve(undefined);
          else if (to.connected) to.send(message);
        });
      }
      answerer.send({kind: 'connect', role: 'answerer', ...order} satisfies ConnectOrder);
      offerer.send({kind: 'connect', role: 'offerer', ...order} satisfies ConnectOrder);
    });
  } finally {
    for (const child of [offerer, answerer]) child.kill('SIGKILL');
  }
}

function station(host: LabHost): ChildProcess {
  return host.namespace.spawn(process.execPath, [SCRIPT], {stdio: ['ignore', 'inherit', 'inherit', 'ipc']});
}
