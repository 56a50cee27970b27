import type {BackendModel} from '../../backend.ts';
import type {HttpClient} from '../http/http-client.ts';
import {MAX_MODELS} from '../http/model-list.ts';
import {asCount, asList, asText, asTokens, pick} from '../json-value.ts';

/** A longer context costs memory on every load, and Ollama loads a model anew for every other length that is asked for. */
const MAX_CONTEXT_TOKENS = 8192;
const UNKNOWN_CONTEXT_TOKENS = 4096;
/** Questions about models at once. */
const PARALLEL_SHOWS = 4;

interface ModelFacts {
  contextTokens: number;
  chat: boolean;
}

/** Lists what an Ollama server can serve by itself; asks about each model only once. */
export class OllamaModels {
  readonly #client: HttpClient;
  readonly #facts = new Map<string, ModelFacts>();

  constructor(client: HttpClient) {
    this.#client = client;
  }

  async list(signal: AbortSignal): Promise<BackendModel[]> {
    const tags = await this.#client.json('/api/tags', {signal});
    // Models of Ollama's cloud are listed too: a prompt for one of them would leave this machine.
    const entries = asList(pick(tags, 'models')).filter(
      (entry) => pick(entry, 'remote_host') === undefined && pick(entry, 'remote_model') === undefined,
    );
    const models: BackendModel[] = [];
    for (let start = 0; start < Math.min(entries.length, MAX_MODELS); start += PARALLEL_SHOWS) {
      const batch = entries.slice(start, start + PARALLEL_SHOWS).map((entry) => this.#describe(entry, signal));
      models.push(...(await Promise.all(batch)).flat());
    }
    return models;
  }

  async #describe(entry: unknown, signal: AbortSignal): Promise<BackendModel[]> {
    const name = asText(pick(entry, 'name')) ?? asText(pick(entry, 'model')) ?? '';
    if (name === '') return [];
    const digest = asText(pick(entry, 'digest')) ?? '';
    const {contextTokens, chat} = await this.#ask(name, digest, signal);
    if (!chat) return [];
    const quantisation = asText(pick(entry, 'details', 'quantization_level')) ?? '';
    const sizeBytes = asCount(pick(entry, 'size'));
    return [
      {
        name,
        ...(/^[0-9a-f]{12,64}$/.test(digest) && {digest: `ollama:${digest}`}),
        ...(quantisation !== '' && {quantisation}),
        contextTokens,
        ...(sizeBytes !== undefined && {sizeBytes}),
      },
    ];
  }

  async #ask(name: string, digest: string, signal: AbortSignal): Promise<ModelFacts> {
    const key = `${name}\n${digest}`;
    const known = this.#facts.get(key);
    if (known !== undefined) return known;
    const facts = readShow(await this.#client.json('/api/show', {body: {model: name}, signal}));
    if (this.#facts.size >= MAX_MODELS) this.#facts.clear();
    this.#facts.set(key, facts);
    return facts;
  }
}

/** Context: what its Modelfile sets, else what the architecture holds, up to a limit. */
function readShow(show: unknown): ModelFacts {
  const info = pick(show, 'model_info');
  const key = Object.keys(typeof info === 'object' && info !== null ? info : {}).find((name) =>
    name.endsWith('.context_length'),
  );
  const trained = key === undefined ? undefined : asTokens(pick(info, key));
  const configured = /^num_ctx\s+(\d+)$/m.exec(asText(pick(show, 'parameters')) ?? '')?.[1];
  const wanted = configured === undefined ? MAX_CONTEXT_TOKENS : Number(configured);
  const capabilities = asList(pick(show, 'capabilities'));
  return {
    contextTokens: trained === undefined ? UNKNOWN_CONTEXT_TOKENS : Math.min(trained, wanted),
    chat: capabilities.length === 0 || capabilities.includes('completion'),
  };
}
