import {join} from 'node:path';

import {Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {collectPluginBackends} from '../../lib/cli/plugins.ts';
import {PROVIDER_SETTINGS} from '../../lib/cli/provider-flags.ts';
import {controlSocket, runFile} from '../../lib/config/places.ts';
import {parseAmount} from '../../lib/core/units.ts';

export default class ProviderStart extends BaseCommand<typeof ProviderStart> {
  static override summary = 'Serve models to the network';
  static override description =
    'Offers what runs on this machine (Ollama, llama.cpp, vLLM, LM Studio) at once; without any, a small built-in model. ' +
    'Prompts that it answers can be read here.';
  static override flags = {
    model: Flags.string({
      char: 'm',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: '<file>',
      description: 'Serve this GGUF file; can be given again',
    }),
    embedded: Flags.boolean({description: 'Serve the built-in model too, beside what was found'}),
    'price-in': Flags.string({helpValue: '<QUIV>', default: '0.001', description: 'Price of 1,000 tokens of prompt'}),
    'price-out': Flags.string({helpValue: '<QUIV>', default: '0.002', description: 'Price of 1,000 tokens of answer'}),
    ...PROVIDER_SETTINGS,
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --model ./models/quiver-tiny.gguf --port 0 --quic-port off --ws-port off --webrtc-port off --admin-port 0',
  ];

  async run(): Promise<void> {
    const [config, {findBackends}, {providerServices}, {runServices, serviceLogger}] = await Promise.all([
      this.loadSettings(),
      import('../../lib/catalog/find-backends.ts'),
      import('../../lib/catalog/provider-services.ts'),
      import('../../lib/cli/run-services.ts'),
    ]);
    const log = await serviceLogger(config.get('log.level'));
    const profile = config.profile.name;
    const {model = [], embedded} = this.flags;
    await runServices(this, {
      services: await providerServices({
        config,
        places: this.places,
        version: this.config.version,
        prices: {priceIn: parseAmount(this.flags['price-in']), priceOut: parseAmount(this.flags['price-out'])},
        backends: await findBackends({
          config,
          log,
          modelPaths: model,
          builtInModel: join(this.config.root, 'models', 'quiver-tiny.gguf'),
          embedded,
          extra: await collectPluginBackends(this.config),
          signal: AbortSignal.timeout(30_000),
        }),
      }),
      log,
      profile,
      admin: {host: config.get('admin.host'), port: config.get('admin.port')},
      socketPath: controlSocket(this.places, profile),
      runFile: runFile(this.places, profile),
    });
  }
}
