import {MessageChannel} from 'node:worker_threads';

import type {Certificate} from '../../../core/certificate-file.ts';
import type {Lease, Refusal} from '../../core/io.ts';
import {monotonicMs} from '../clock.ts';
import type {EngineName} from '../engine.ts';
import type {BoundAddress, ServerOptions, ServerStats} from '../server-options.ts';
import {addStats, noStats} from './sum-stats.ts';
import {WorkerHandle} from './worker-handle.ts';

/** Before a worker that died is started again, doubling each time it dies soon. */
const FIRST_RESTART_MS = 100;
const RESTART_LIMIT_MS = 30_000;
/** One that lived so long did not die of how it was started. */
const STABLE_MS = 60_000;
/** How often each is asked whether it still works. */
const WATCH_INTERVAL_MS = 10_000;
/** One that is silent for so long hangs for ever, and what it relayed is lost anyway. */
const HUNG_MS = 10_000;

export interface WorkerPoolOptions {
  count: number;
  server: ServerOptions;
  admit: (user: string) => Lease | Refusal;
  log: (level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>) => void;
}

interface Slot {
  readonly index: number;
  handle: WorkerHandle | undefined;
  startedAtMs: number;
  delayMs: number;
  restart: NodeJS.Timeout | undefined;
}

/**
 * The workers of one server, each on a thread of its own and listening on the same ports. One that dies, or doesn't
 * answer, is replaced; the others and what they relay go on.
 */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #slots: readonly Slot[];
  #server: ServerOptions;
  #bound: readonly BoundAddress[] = [];
  #engine: EngineName;
  /** Of workers that are gone. */
  #past = noStats();
  #restarts = 0;
  #watch: NodeJS.Timeout | undefined;
  #stopping = false;
  #draining = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#engine = options.server.engine;
    const {listen} = options.server;
    this.#server = {...options.server, listen: {...listen, reusePort: options.count > 1}};
    this.#slots = Array.from({length: options.count}, (_, index) => ({
      index,
      handle: undefined,
      startedAtMs: 0,
      delayMs: FIRST_RESTART_MS,
      restart: undefined,
    }));
  }

  get bound(): readonly BoundAddress[] {
    return this.#bound;
  }

  /** The one that really runs. */
  get engine(): EngineName {
    return this.#engine;
  }

  get handles(): readonly WorkerHandle[] {
    return this.#slots.flatMap(({handle}) => (handle?.alive === true ? [handle] : []));
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** The first worker finds out the ports, then the others take the same. Rejects with what the first failure was. */
  async start(): Promise<void> {
    const [first, ...rest] = this.#slots;
    if (first === undefined) throw new RangeError('a server has at least one worker');
    const {bound, engine} = await this.#start(first).ready;
    this.#bound = bound;
    this.#engine = engine;
    this.#server = {...this.#server, listen: withPorts(this.#server.listen, this.#bound)};
    const others = rest.map((slot) => this.#start(slot));
    await Promise.all(others.map((handle) => handle.ready));
    this.#watch = setInterval(() => void this.#checkAll(), WATCH_INTERVAL_MS);
    this.#watch.unref();
  }

  /** Summed over all workers, and those that were. */
  async stats(): Promise<ServerStats> {
    const all = await Promise.all(this.handles.map(async (handle) => (await handle.stats()) ?? handle.lastStats));
    return all.reduce<ServerStats>((sum, each) => (each === undefined ? sum : addStats(sum, each)), this.#past);
  }

  setCertificate(certificate: Certificate): void {
    const {listen} = this.#server;
    if (listen.tls === undefined) return;
    this.#server = {...this.#server, listen: {...listen, tls: {...listen.tls, certificate}}};
    for (const handle of this.handles) handle.post({type: 'certificate', certificate});
  }

  setSecrets(secrets: readonly string[]): void {
    const {core} = this.#server;
    if (core.kind !== 'turn') return;
    this.#server = {...this.#server, core: {...core, options: {...core.options, secrets}}};
    for (const handle of this.handles) handle.post({type: 'secrets', secrets});
  }

  drain(): void {
    this.#draining = true;
    for (const handle of this.handles) handle.post({type: 'drain'});
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#watch);
    for (const slot of this.#slots) clearTimeout(slot.restart);
    await Promise.all(this.handles.map((handle) => handle.stop()));
  }

  #start(slot: Slot): WorkerHandle {
    const {admit, log} = this.#options;
    slot.startedAtMs = monotonicMs();
    const handle: WorkerHandle = new WorkerHandle(this.#server, {
      admit,
      log: (level, message, fields) => log(level, message, {...fields, worker: slot.index}),
      exited: (error) => this.#exited(slot, handle, error),
    });
    slot.handle = handle;
    for (const other of this.handles) {
      if (other !== handle) introduce(handle, other);
    }
    if (this.#draining) handle.post({type: 'drain'});
    return handle;
  }

  #exited(slot: Slot, handle: WorkerHandle, error: Error | undefined): void {
    if (handle.lastStats !== undefined) this.#past = addStats(this.#past, {...handle.lastStats, ...NOTHING_LIVE});
    slot.handle = undefined;
    // One that never listened is the business of whoever waits for it.
    if (this.#stopping || this.#watch === undefined) return;
    if (monotonicMs() - slot.startedAtMs > STABLE_MS) slot.delayMs = FIRST_RESTART_MS;
    const {delayMs} = slot;
    slot.delayMs = Math.min(delayMs * 2, RESTART_LIMIT_MS);
    this.#restarts += 1;
    const fields = {worker: slot.index, delayMs, ...(error !== undefined && {err: error})};
    this.#options.log('error', 'a worker died with its allocations and is started again', fields);
    slot.restart = setTimeout(() => this.#restart(slot), delayMs);
  }

  #restart(slot: Slot): void {
    const handle = this.#start(slot);
    handle.ready.then(
      () => this.#options.log('info', 'the worker is back', {worker: slot.index}),
      // It ends by itself, and that is where the next attempt comes from.
      (error: unknown) => this.#options.log('warn', 'the worker could not start', {worker: slot.index, err: error}),
    );
  }

  /** A thread that hangs can't be asked to stop. */
  async #checkAll(): Promise<void> {
    await Promise.all(
      this.handles.map(async (handle) => {
        if ((await handle.stats(HUNG_MS)) === undefined && handle.alive) await handle.thread.terminate();
      }),
    );
  }
}

/** Counters stay when a worker goes, what was live does not. */
const NOTHING_LIVE: Pick<ServerStats, 'core' | 'connections'> = {
  core: {allocations: 0, opening: 0, reservations: 0, closing: 0},
  connections: 0,
};

function introduce(one: WorkerHandle, other: WorkerHandle): void {
  const {port1, port2} = new MessageChannel();
  one.thread.postMessage({type: 'sibling', port: port1}, [port1]);
  other.thread.postMessage({type: 'sibling', port: port2}, [port2]);
}

/** The ports that were given, instead of 0. */
function withPorts(listen: ServerOptions['listen'], bound: readonly BoundAddress[]): ServerOptions['listen'] {
  const [udpPort = listen.port, alternatePort] = portsOf('udp', bound);
  const [tlsPort] = portsOf('tls', bound);
  return {
    ...listen,
    port: udpPort,
    ...(alternatePort !== undefined && {alternatePort}),
    ...(listen.tls !== undefined && tlsPort !== undefined && {tls: {...listen.tls, port: tlsPort}}),
  };
}

function portsOf(transport: BoundAddress['transport'], bound: readonly BoundAddress[]): number[] {
  return [...new Set(bound.filter((at) => at.transport === transport).map(({port}) => port))];
}
