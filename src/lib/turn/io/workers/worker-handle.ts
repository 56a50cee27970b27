import {extname} from 'node:path';
import {Worker} from 'node:worker_threads';

import type {Lease, Refusal} from '../../core/io.ts';
import type {EngineName} from '../engine.ts';
import {ListenError} from '../listen.ts';
import type {BoundAddress, ServerOptions, ServerStats} from '../server-options.ts';
import type {FromWorker, ToWorker} from './messages.ts';

const ENTRY = new URL(`../../turn-worker${extname(import.meta.url)}`, import.meta.url);
/** The longest a worker works on one thing is milliseconds; a scrape or a health check waits no longer than this. */
const ANSWER_TIMEOUT_MS = 1_000;
/** Packets leave short-lived objects; three spaces of 2 MiB are collected in no time and keep a flood from growing it. */
const YOUNG_GENERATION_MB = 6;
/** Closing thousands of sockets takes a fraction of this. */
const STOP_TIMEOUT_MS = 3_000;

export interface WorkerHooks {
  admit(user: string): Lease | Refusal;
  log(level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>): void;
  /** It ended, wanted or not; its leases are given back by then. */
  exited(error: Error | undefined): void;
}

export interface WorkerReady {
  bound: readonly BoundAddress[];
  /** The one that really runs. */
  engine: EngineName;
}

/** The control thread's side of one worker. */
export class WorkerHandle {
  readonly thread: Worker;
  readonly #hooks: WorkerHooks;
  readonly #leases = new Map<number, Lease>();
  readonly #asked = new Map<number, (stats: ServerStats) => void>();
  readonly #ready = Promise.withResolvers<WorkerReady>();
  readonly #gone = Promise.withResolvers<void>();
  #error: Error | undefined;
  #nextId = 0;
  #exited = false;
  /** What it last said, so that what it counted isn't lost with it. */
  lastStats: ServerStats | undefined;

  constructor(options: ServerOptions, hooks: WorkerHooks) {
    this.#hooks = hooks;
    this.thread = new Worker(ENTRY, {
      workerData: {options},
      name: 'turn-worker',
      resourceLimits: {maxYoungGenerationSizeMb: YOUNG_GENERATION_MB},
    });
    this.thread.on('message', (message: FromWorker) => this.#take(message));
    this.thread.on('error', (error: unknown) => {
      this.#error = error instanceof Error ? error : new Error(String(error));
    });
    this.thread.once('exit', () => this.#onExit());
    this.#ready.promise.catch(() => undefined);
  }

  /** Resolves with where it listens; rejects with `ListenError`, or what it died of. */
  get ready(): Promise<WorkerReady> {
    return this.#ready.promise;
  }

  get alive(): boolean {
    return !this.#exited;
  }

  post(message: Exclude<ToWorker, {type: 'sibling'}>): void {
    this.thread.postMessage(message);
  }

  /** undefined when it is gone or does not answer in time. */
  async stats(timeoutMs = ANSWER_TIMEOUT_MS): Promise<ServerStats | undefined> {
    if (this.#exited) return undefined;
    const id = this.#nextId;
    this.#nextId += 1;
    const {promise, resolve} = Promise.withResolvers<ServerStats | undefined>();
    this.#asked.set(id, resolve);
    const timer = setTimeout(resolve, timeoutMs, undefined);
    this.post({type: 'stats', id});
    const stats = await Promise.race([promise, this.#gone.promise.then(() => undefined)]);
    clearTimeout(timer);
    this.#asked.delete(id);
    return stats;
  }

  /** Lets it close its sockets, or ends it where it doesn't. */
  async stop(): Promise<void> {
    if (this.#exited) return;
    this.post({type: 'stop'});
    const timer = setTimeout(() => void this.thread.terminate(), STOP_TIMEOUT_MS);
    await this.#gone.promise;
    clearTimeout(timer);
  }

  #take(message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        this.#ready.resolve(message);
        break;
      case 'failed':
        this.#ready.reject(new ListenError(message.failure));
        break;
      case 'admit':
        this.#admit(message.id, message.user);
        break;
      case 'release':
        this.#leases.get(message.lease)?.release();
        this.#leases.delete(message.lease);
        break;
      case 'stats':
        this.lastStats = message.stats;
        this.#asked.get(message.id)?.(message.stats);
        break;
      case 'log':
        this.#hooks.log(message.level, message.message, message.fields);
    }
  }

  #admit(id: number, user: string): void {
    const answer = this.#hooks.admit(user);
    if (typeof answer === 'string') {
      this.post({type: 'refused', id, refusal: answer});
      return;
    }
    const lease = this.#nextId;
    this.#nextId += 1;
    this.#leases.set(lease, answer);
    this.post({type: 'admitted', id, lease});
  }

  /** By now the kernel has closed its sockets, so its quota is free. */
  #onExit(): void {
    this.#exited = true;
    for (const lease of this.#leases.values()) lease.release();
    this.#leases.clear();
    this.#ready.reject(this.#error ?? new Error('the worker ended'));
    this.#gone.resolve();
    this.#hooks.exited(this.#error);
  }
}
