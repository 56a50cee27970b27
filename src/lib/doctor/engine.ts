import type {Backend} from '../inference/backend.ts';
import type {Config} from '../config/config.ts';
import {fail, ok, warn, type Check} from './check.ts';

/** Starts the embedded engine with the built-in model, as a provider would, and stops it again. */
export function engineCheck(modelPath: string): Check {
  return {
    name: 'embedded engine',
    async run(signal) {
      const {createEmbeddedBackend} = await import('../inference/backends/embedded.ts');
      const backend: Backend = await createEmbeddedBackend({modelPath});
      try {
        const [models, health] = await Promise.all([backend.models(signal), backend.health(signal)]);
        const names = models.map((model) => model.name).join(', ');
        return health.ok ? ok(`loads ${names}`) : fail(health.detail ?? 'is not well', 'npm rebuild node-llama-cpp');
      } finally {
        await backend.close();
      }
    },
  };
}

/** Inference servers on this machine and those that the settings name, with their models. */
export function backendsCheck(loadConfig: () => Promise<Config>): Check {
  return {
    name: 'back ends',
    async run(signal) {
      const config = await loadConfig();
      const apiKey = config.get('provider.backend_api_key');
      const urls = config.get('provider.backends').map((url) => ({url, apiKey}));
      const problems: string[] = [];
      const {discoverBackends} = await import('../inference/backends/discover.ts');
      const backends = await discoverBackends({
        urls,
        signal,
        onProblem: (url, error) => problems.push(`${url}: ${error instanceof Error ? error.message : String(error)}`),
      });
      try {
        const lines = await Promise.all(backends.map((backend) => describe(backend, signal)));
        const [problem] = problems;
        if (problem !== undefined) return warn(problem, 'Start that server, or correct provider.backends.');
        return ok(lines.length === 0 ? 'none besides the embedded engine' : lines.join('; '));
      } finally {
        await Promise.all(backends.map((backend) => backend.close()));
      }
    },
  };
}

async function describe(backend: Backend, signal: AbortSignal): Promise<string> {
  const models = await backend.models(signal);
  return `${backend.name} with ${models.length} model${models.length === 1 ? '' : 's'}`;
}
