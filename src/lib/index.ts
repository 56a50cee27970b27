import {resolve} from 'node:path';
import {cwd, env} from 'node:process';

import {openClient} from './catalog/open-client.ts';
import {loadConfig} from './config/load.ts';
import {placesUnder} from './config/places.ts';
import {userPlaces} from './config/user-places.ts';
import type {ChatMessage} from './inference/backend.ts';
import type {InferEvent, InferRequest, ModelSummary} from './inference/client/infer-types.ts';
import type {NetworkClient} from './inference/client/remote-client.ts';
import {createLogger} from './observability/logger.ts';

export {QuiverError} from './core/errors.ts';
export type {ChatMessage, FinishReason, Role} from './inference/backend.ts';
export type {InferEvent, InferRequest, ModelSummary} from './inference/client/infer-types.ts';

/** Told to providers by a client that has no command around it. */
const LIBRARY_VERSION = 'library';

export interface ClientOptions {
  /** The network to ask. @default as for the commands: QUIVER_PROFILE, quiver.yaml, the user's settings, `local` */
  profile?: string;
  /** Folder with settings, keys and receipts, as QUIVER_HOME names it. @default that of the commands */
  home?: string;
  /** Nodes to join through when no quiver runs on this machine. @default those of the settings */
  bootstrap?: readonly string[];
}

export interface InferOptions extends Omit<InferRequest, 'messages'> {
  /** The question; or give `messages`. */
  prompt?: string;
  messages?: readonly ChatMessage[];
  signal?: AbortSignal;
}

export interface Client {
  /** The answer's text, piece by piece. Throws QuiverError; leaving the loop cancels at the provider. */
  infer(options: InferOptions): AsyncIterable<string>;
  /** The same with everything around it: who was chosen, receipt, speed and cost. */
  events(options: InferOptions): AsyncIterable<InferEvent>;
  models(signal?: AbortSignal): Promise<ModelSummary[]>;
  /** Ends the node that was started for this client, if there was one. */
  close(): Promise<void>;
}

/**
 * A client of the network: through the quiver that runs on this machine, else through a node of its own, which is started
 * with the first request.
 */
export function createClient(options: ClientOptions = {}): Client {
  let opened: Promise<NetworkClient> | undefined;
  const client = (): Promise<NetworkClient> => (opened ??= open(options));

  async function* events({prompt, messages, signal, ...request}: InferOptions): AsyncGenerator<InferEvent, void> {
    // Leaving the loop has to end a wait for the next token too.
    const left = new AbortController();
    const either = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]);
    const conversation = messages ?? [{role: 'user', content: prompt ?? ''} as const];
    try {
      yield* (await client()).infer({...request, messages: conversation}, either);
    } finally {
      left.abort();
    }
  }

  return {
    events,
    async *infer(question) {
      for await (const event of events(question)) if (event.event === 'token') yield event.text;
    },
    models: async (signal = new AbortController().signal) => (await client()).models(signal),
    async close() {
      await (await opened)?.close();
    },
  };
}

async function open({profile, home, bootstrap}: ClientOptions): Promise<NetworkClient> {
  const places = home === undefined ? userPlaces(env) : placesUnder(resolve(home));
  const flags = new Map([
    ...(profile === undefined ? [] : [['profile', {flag: 'profile', value: profile}] as const]),
    ...(bootstrap === undefined
      ? []
      : [['network.bootstrap_nodes', {flag: 'bootstrap', value: [...bootstrap]}] as const]),
  ]);
  const config = await loadConfig({places, cwd: cwd(), environment: env, flags});
  return openClient({
    config,
    places,
    version: LIBRARY_VERSION,
    log: () => createLogger({level: 'silent', format: 'json'}),
  });
}
