import {Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {PROVIDER_SETTINGS} from '../../lib/cli/provider-flags.ts';

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
    ...PROVIDER_SETTINGS,
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --model ./models/quiver-tiny.gguf --port 0 --quic-port off --ws-port off --webrtc-port off --admin-port 0',
  ];

  async run(): Promise<void> {
    const {serve} = await import('../../lib/cli/serve.ts');
    await serve(this, ['provider'], {modelPaths: this.flags.model, embedded: this.flags.embedded});
  }
}
