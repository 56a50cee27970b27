import type {Config} from '../config/config.ts';
import type {Backend} from '../inference/backend.ts';
import {discoverBackends} from '../inference/backends/discover.ts';
import {createEmbeddedBackend} from '../inference/backends/embedded.ts';
import type {Logger} from '../observability/logger.ts';

export interface BackendSetup {
  config: Config;
  log: Logger;
  /** GGUF files to serve with the embedded engine. */
  modelPaths: readonly string[];
  /** The built-in model: served when `embedded` is set, or when nothing else is found. */
  builtInModel: string;
  embedded: boolean;
  /** Back ends that plugins bring. */
  extra: readonly Backend[];
  signal: AbortSignal;
}

/** What a provider of this machine has to offer: inference servers that run here or are named, plugins, model files. */
export async function findBackends(setup: BackendSetup): Promise<Backend[]> {
  const {config, log, modelPaths, builtInModel, embedded, extra, signal} = setup;
  const apiKey = config.get('provider.backend_api_key');
  const found = await discoverBackends({
    urls: config.get('provider.backends').map((url) => ({url, ...(apiKey !== undefined && {apiKey})})),
    signal,
    onProblem: (url, error) => log.warn({url, err: error}, 'a back end that the settings name is left out'),
  });
  const nothing = found.length === 0 && extra.length === 0 && modelPaths.length === 0;
  const files = embedded || nothing ? [...modelPaths, builtInModel] : modelPaths;
  const engines = await Promise.all(files.map((modelPath) => createEmbeddedBackend({modelPath, log})));
  return [...found, ...extra, ...engines];
}
