import type {MessagePort} from 'node:worker_threads';

import type {Certificate} from '../../../core/certificate-file.ts';
import type {Refusal} from '../../core/io.ts';
import type {EngineName} from '../engine.ts';
import type {BoundAddress, ServerOptions, ServerStats} from '../server-options.ts';

/** What a worker thread is started with. */
export interface WorkerStart {
  options: ServerOptions;
}

/** Plain data about why a worker could not listen. */
export interface ListenFailure {
  at: BoundAddress;
  /** Of the system: EADDRINUSE, EACCES, EADDRNOTAVAIL… */
  code: string;
  message: string;
}

export type ToWorker =
  | {type: 'admitted'; id: number; lease: number}
  | {type: 'refused'; id: number; refusal: Refusal}
  | {type: 'stats'; id: number}
  | {type: 'certificate'; certificate: Certificate}
  | {type: 'secrets'; secrets: readonly string[]}
  | {type: 'sibling'; port: MessagePort}
  | {type: 'drain'}
  | {type: 'stop'};

export type FromWorker =
  | {type: 'ready'; bound: readonly BoundAddress[]; engine: EngineName}
  | {type: 'failed'; failure: ListenFailure}
  | {type: 'admit'; id: number; user: string}
  | {type: 'release'; lease: number}
  | {type: 'stats'; id: number; stats: ServerStats}
  | {type: 'log'; level: 'info' | 'warn' | 'error'; message: string; fields: Record<string, unknown>};
