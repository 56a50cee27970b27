import {once} from 'node:events';

import {EXIT, QuiverError} from '../core/errors.ts';
import type {IceConnection} from '../ice/connection.ts';
import {runBench, serveBench, type BenchReport} from '../ice/jobs/bench.ts';
import {receiveFile, sendFile, type ReceivedFile, type SentFile} from '../ice/jobs/file.ts';
import {openForward, serveForward, type Forward} from '../ice/jobs/forward.ts';
import {isHost, isPort, readHeader, type JobHeader} from '../ice/jobs/job.ts';
import {runPipe} from '../ice/jobs/pipe.ts';
import type {IceStream} from '../ice/stream.ts';
import {progressLine} from './ice-progress.ts';

/** What one side was told to do; nothing else is done for the other. */
export interface IceJobs {
  send: readonly string[];
  receive?: string | undefined;
  forward: readonly Forward[];
  allow: readonly string[];
  bench: boolean;
}

export interface JobReport {
  sent?: SentFile[];
  received?: ReceivedFile[];
  bench?: BenchReport;
}

const SPEC = /^(?:(\d{1,5}):)?(.+):(\d{1,5})$/;

/** `8080:localhost:80`, or `localhost:80` for the same port here. */
function readForward(text: string): Forward {
  const [, local, host, remote] = SPEC.exec(text) ?? [];
  const port = Number(remote);
  const localPort = local === undefined ? port : Number(local);
  if (!isHost(host) || !isPort(port) || localPort > 65_535) throw wrongForward(text);
  return {localPort, host: host.toLowerCase(), port};
}

/** What the flags of `ice connect` ask for. Throws FORWARD_SPEC. */
export function readJobs(flags: {
  send?: string[] | undefined;
  receive?: string | undefined;
  forward?: string[] | undefined;
  allow?: string[] | undefined;
  bench: boolean;
}): IceJobs {
  return {
    send: flags.send ?? [],
    receive: flags.receive,
    forward: (flags.forward ?? []).map(readForward),
    allow: (flags.allow ?? []).map((text) => {
      const {host, port} = readForward(text);
      return `${host}:${port}`;
    }),
    bench: flags.bench,
  };
}

/** Carries out one side's part; what the other side opens comes in through `accept`. */
export class JobRunner {
  readonly #jobs: IceJobs;
  readonly #note: (text: string) => void;
  readonly #allowed: ReadonlySet<string>;
  readonly #received: ReceivedFile[] = [];
  readonly #streams: Promise<void>[] = [];
  readonly #piped = Promise.withResolvers<IceStream>();
  #failure: Error | undefined;

  constructor(jobs: IceJobs, note: (text: string) => void) {
    this.#jobs = jobs;
    this.#note = note;
    this.#allowed = new Set(jobs.allow);
  }

  /** Whether this side only waits for the other's wishes. */
  get serves(): boolean {
    return this.#jobs.allow.length > 0;
  }

  accept(stream: IceStream): void {
    const header = readHeader(stream.header);
    if (header === undefined || !this.#isWanted(header)) {
      stream.reset(`the other side was not told to do this (${header?.kind ?? 'unknown'})`);
      return;
    }
    if (header.kind === 'pipe') this.#piped.resolve(stream);
    else if (header.kind === 'forward') serveForward(stream, header, this.#allowed);
    else this.#streams.push(this.#serve(stream, header));
  }

  /** Resolves when this side has done its part, and the other no more needs it. */
  async run(connection: IceConnection, self: string, until: AbortSignal): Promise<JobReport> {
    const {send, receive, forward, bench} = this.#jobs;
    const leads = self < connection.peer;
    if (send.length > 0) return {sent: await this.#send(connection, send)};
    if (bench && leads) return {bench: await runBench(connection)};
    if (forward.length > 0) return this.#forward(connection, forward, until);
    if (receive !== undefined || bench || this.serves) {
      const lost = await connection.closed;
      await Promise.all(this.#streams);
      if (this.#failure !== undefined) throw this.#failure;
      if (lost !== undefined) throw lost;
      return this.#received.length > 0 ? {received: this.#received} : {};
    }
    const stream = leads ? connection.openStream({kind: 'pipe'}) : await this.#awaitPipe(connection);
    await runPipe(stream, process.stdin, process.stdout);
    return {};
  }

  #isWanted({kind}: JobHeader): boolean {
    const {send, receive, forward, allow, bench} = this.#jobs;
    if (kind === 'file') return receive !== undefined;
    if (kind === 'forward') return allow.length > 0;
    if (kind === 'bench') return bench;
    return send.length === 0 && receive === undefined && forward.length === 0 && allow.length === 0 && !bench;
  }

  async #serve(stream: IceStream, header: JobHeader): Promise<void> {
    try {
      if (header.kind === 'bench') await serveBench(stream);
      if (header.kind !== 'file' || this.#jobs.receive === undefined) return;
      const progress = progressLine(`receiving ${header.name}`);
      const file = await receiveFile(stream, header, this.#jobs.receive, progress.update).finally(progress.done);
      this.#received.push(file);
      this.#note(`${file.path}  ${file.bytes} bytes  sha256 ${file.sha256}`);
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error(String(error));
    }
  }

  async #send(connection: IceConnection, paths: readonly string[]): Promise<SentFile[]> {
    const sent: SentFile[] = [];
    for (const path of paths) {
      const progress = progressLine(`sending ${path}`);
      const file = await sendFile(connection, path, progress.update).finally(progress.done);
      this.#note(`${file.name}  ${file.bytes} bytes in ${(file.ms / 1_000).toFixed(1)} s  sha256 ${file.sha256}`);
      sent.push(file);
    }
    return sent;
  }

  async #forward(connection: IceConnection, wanted: readonly Forward[], until: AbortSignal): Promise<JobReport> {
    const opened = await Promise.all(wanted.map((each) => openForward(() => connection, each)));
    for (const {localPort, host, port} of opened) this.#note(`forwarding 127.0.0.1:${localPort} to ${host}:${port}`);
    try {
      const lost = await Promise.race([connection.closed, aborted(until)]);
      if (lost !== undefined) throw lost;
      return {};
    } finally {
      for (const each of opened) each.close();
    }
  }

  async #awaitPipe(connection: IceConnection): Promise<IceStream> {
    const ended = connection.closed.then((error) => {
      throw error ?? notTold();
    });
    return Promise.race([this.#piped.promise, ended]);
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}

function notTold(): QuiverError {
  return new QuiverError({
    code: 'ICE_NOTHING_TO_DO',
    message: 'The other side has closed the connection without a pipe',
    fix: 'Both sides must be told what fits together: --send with --receive, --forward with --allow, --bench with --bench.',
  });
}

function wrongForward(text: string): QuiverError {
  return new QuiverError({
    code: 'FORWARD_SPEC',
    message: `"${text}" is no port to forward`,
    fix: '--forward 8080:localhost:80   on this side, and --allow localhost:80 on the other',
    exit: EXIT.usage,
  });
}
