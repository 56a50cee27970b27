import type {Logger} from '../../observability/logger.ts';
import {isModelDigest, isModelName, toLabel} from '../../records/text.ts';
import type {Backend, BackendModel} from '../backend.ts';
import {findModel} from '../market/match.ts';
import {Admission} from './admission.ts';

/** A cold model of a few GB is loaded from disk before its first token. */
const PROBE_TIMEOUT_MS = 60_000;
/** What a manifest can carry. */
const MAX_MODELS = 64;
/** Weight of a new time to first token in the average that bids predict with. */
const LATENCY_WEIGHT = 0.2;

/** A back end with its slots and what was found on it. */
export interface Engine {
  backend: Backend;
  admission: Admission;
  models: readonly BackendModel[];
  /** Why it is out of service; undefined while it works. */
  fault: string | undefined;
  /** Average time to first token, in ms. */
  firstTokenMs: number;
}

/** One model as offered, and who serves it. */
export interface Listing {
  name: string;
  digest: string;
  quantisation: string;
  contextTokens: number;
  engine: Engine;
}

/** The models of all back ends that answer. What a dead back end served is not offered. */
export class Catalogue {
  readonly engines: readonly Engine[];
  readonly #log: Logger;
  #probing: Promise<void> | undefined;

  constructor(backends: readonly Backend[], log: Logger) {
    this.#log = log;
    this.engines = backends.map((backend) => ({
      backend,
      admission: new Admission(Math.max(1, backend.capabilities().slots)),
      models: [],
      fault: 'not probed yet',
      firstTokenMs: 0,
    }));
  }

  /** Asks every back end for its models and for one real token; those that fail are out until they pass. */
  probe(signal: AbortSignal): Promise<void> {
    this.#probing ??= Promise.all(this.engines.map((engine) => this.#probeOne(engine, signal)))
      .then(() => undefined)
      .finally(() => {
        this.#probing = undefined;
      });
    return this.#probing;
  }

  /** What can be asked for now, each name once; of two back ends with one name the first counts. */
  listings(): Listing[] {
    const byName = new Map<string, Listing>();
    for (const engine of this.engines) {
      if (engine.fault !== undefined) continue;
      for (const model of engine.models) {
        if (!byName.has(model.name) && isModelName(model.name)) byName.set(model.name, listing(model, engine));
      }
    }
    return [...byName.values()].slice(0, MAX_MODELS);
  }

  find(wanted: string): Listing | undefined {
    return findModel(wanted, this.listings());
  }

  load(): {active: number; queued: number; slots: number} {
    const sum = {active: 0, queued: 0, slots: 0};
    for (const {admission, fault} of this.engines) {
      if (fault !== undefined) continue;
      sum.active += admission.active;
      sum.queued += admission.queued;
      sum.slots += admission.slots;
    }
    return sum;
  }

  /** Takes a back end out of service at once, e.g. after it refused a connection. */
  suspect(engine: Engine, why: string): void {
    if (engine.fault === undefined) this.#log.warn({backend: engine.backend.name, why}, 'back end is out of service');
    engine.fault = why;
  }

  static measured(engine: Engine, firstTokenMs: number): void {
    const before = engine.firstTokenMs;
    engine.firstTokenMs = before === 0 ? firstTokenMs : before + LATENCY_WEIGHT * (firstTokenMs - before);
  }

  async #probeOne(engine: Engine, signal: AbortSignal): Promise<void> {
    const {backend} = engine;
    const both = AbortSignal.any([signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]);
    try {
      engine.models = await backend.models(both);
      const [model] = engine.models;
      if (model === undefined) throw new Error('it has no model');
      // A back end that works on requests right now needs no further proof.
      if (engine.fault !== undefined || engine.admission.active === 0) await oneToken(engine, model.name, both);
      if (engine.fault !== undefined)
        this.#log.info({backend: backend.name, models: engine.models.length}, 'back end is in service');
      engine.fault = undefined;
    } catch (error) {
      if (signal.aborted) return;
      this.suspect(engine, error instanceof Error ? error.message : 'it failed');
    }
  }
}

async function oneToken(engine: Engine, model: string, signal: AbortSignal): Promise<void> {
  const since = performance.now();
  const request = {model, messages: [{role: 'user', content: 'Hi'}], maxTokens: 1, temperature: 0} as const;
  for await (const event of engine.backend.chat(request, signal)) {
    if (event.type === 'delta' && event.tokens > 0 && engine.firstTokenMs === 0) {
      Catalogue.measured(engine, Math.ceil(performance.now() - since));
    }
    if (event.type === 'end' && (event.finish === 'error' || event.usage.completionTokens === 0)) {
      throw new Error('it made no token');
    }
  }
}

function listing({name, digest = '', quantisation = '', contextTokens}: BackendModel, engine: Engine): Listing {
  return {
    name,
    digest: isModelDigest(digest) ? digest : '',
    quantisation: toLabel(quantisation),
    contextTokens,
    engine,
  };
}
