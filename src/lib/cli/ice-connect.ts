import {EXIT, QuiverError} from '../core/errors.ts';
import type {ConnectionStats, IceConnection} from '../ice/connection.ts';
import {peerToKey} from '../records/peer-key.ts';
import {JobRunner, type IceJobs, type JobReport} from './ice-jobs.ts';
import {iceIdentity, openSession, type IceSettings} from './ice-session.ts';

export interface IceConnectOptions {
  settings: IceSettings;
  peer: string;
  jobs: IceJobs;
  /** For the other side to come, in ms; one that serves waits for ever. */
  waitMs: number;
  note: (text: string) => void;
}

export interface IceConnectReport extends JobReport {
  self: string;
  peer: string;
  connection?: ConnectionStats;
}

/** No timer is longer. */
const FOR_EVER_MS = 2 ** 31 - 1;
const STATS_EVERY_MS = 1_000;

/** Connects with a peer, does what was asked for, and says over which path. */
export async function connectAndRun(options: IceConnectOptions): Promise<IceConnectReport> {
  const {settings, peer, jobs, waitMs, note} = options;
  const {signal, places, identity} = settings;
  const own = await iceIdentity(places, identity);
  if (peerToKey(peer) === undefined || peer === own.peerId) throw wrongPeer(peer, own.peerId);
  const runner = new JobRunner(jobs, note);
  const session = await openSession(settings, own, peer, {
    onStream: (stream) => runner.accept(stream),
    onState: (_connection, state) => {
      if (state === 'restarting') note('the path is bad or gone: looking for another');
    },
  });
  try {
    note(`${own.peerId} waits for ${peer}`);
    for (;;) {
      const deadlineMs = runner.serves ? FOR_EVER_MS : waitMs;
      const connection = await session.client.connect(peer, {signal, deadlineMs});
      note(pathText(connection.stats()));
      const report = await runAndClose(connection, runner, own.peerId, signal, note);
      if (!runner.serves) return report;
      note(`${peer} has gone; waiting for it`);
    }
  } finally {
    await session.close();
  }
}

async function runAndClose(
  connection: IceConnection,
  runner: JobRunner,
  self: string,
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<IceConnectReport> {
  let stats = connection.stats();
  // At the end there is nothing left to ask.
  const timer = setInterval(() => (stats = connection.stats() ?? stats), STATS_EVERY_MS);
  const stop = (): void => void connection.close(new Error('interrupted'));
  signal.addEventListener('abort', stop, {once: true});
  try {
    const report = await runner.run(connection, self, signal).catch((error: unknown) => {
      if (!runner.serves || signal.aborted) throw error;
      note(error instanceof Error ? error.message : String(error));
      return {};
    });
    stats = connection.stats() ?? stats;
    return {self, peer: connection.peer, ...report, ...(stats !== undefined && {connection: stats})};
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', stop);
    await connection.close();
  }
}

/** `connected over host 192.0.2.7:4000 → …, set up in 40 ms`. */
export function pathText(stats: ConnectionStats | undefined): string {
  if (stats === undefined) return 'connected';
  const {pair, type, setupMs} = stats;
  const end = ({type: kind, address, port}: (typeof pair)['local']): string => `${kind} ${address} port ${port}`;
  return `connected (${type}): ${end(pair.local)} to ${end(pair.remote)}, in ${setupMs.toFixed(0)} ms`;
}

function wrongPeer(peer: string, self: string): QuiverError {
  const own = peer === self;
  return new QuiverError({
    code: 'ICE_PEER',
    message: own ? 'That is your own peer id' : `"${peer}" is not a peer id`,
    fix: own
      ? 'Two shells of one user need two identities: --as second   on one of them'
      : 'The other side finds out its own with: quiver ice connect',
    exit: EXIT.usage,
  });
}
