import {join} from 'node:path';

import {Flags} from '@oclif/core';

import {BaseCommand} from '../lib/cli/base-command.ts';
import {collectPluginBackends} from '../lib/cli/plugins.ts';
import {controlSocket, runFile} from '../lib/config/places.ts';

export default class Up extends BaseCommand<typeof Up> {
  static override summary = 'Run a whole network on this machine';
  static override description =
    'A bootstrap that is also a relay, a provider with the built-in model and whatever inference servers run here, and ' +
    'a client. Everything listens on loopback only, on free ports; other commands find it by themselves.';
  static override flags = {
    ask: Flags.string({helpValue: '<prompt>', description: 'Ask this once everything runs, and verify the receipt'}),
    once: Flags.boolean({dependsOn: ['ask'], description: 'Stop after the answer'}),
    model: Flags.string({
      char: 'm',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: '<file>',
      description: 'Serve this GGUF file too; can be given again',
    }),
    'admin-port': Flags.integer({
      min: 0,
      max: 65_535,
      default: 0,
      description: 'Admin and metrics port; 0 takes a free one',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --once --ask "What is a relay node?"',
  ];

  async run(): Promise<void> {
    const [config, {findBackends}, {createDevnet, DEVNET_PRICES}, {runServices, serviceLogger}] = await Promise.all([
      this.loadSettings(),
      import('../lib/catalog/find-backends.ts'),
      import('../lib/devnet/devnet.ts'),
      import('../lib/cli/run-services.ts'),
    ]);
    const {ask, once, model = []} = this.flags;
    const {profile} = config;
    // The ready lines say it all; whoever wants every line of seven services asks for it.
    const quiet = config.origin('log.level').layer === 'default';
    const log = await serviceLogger(quiet ? 'warn' : config.get('log.level'));
    const backends = await findBackends({
      config,
      log,
      modelPaths: model,
      builtInModel: join(this.config.root, 'models', 'quiver-tiny.gguf'),
      embedded: true,
      extra: await collectPluginBackends(this.config),
      signal: AbortSignal.timeout(30_000),
    });
    const socketPath = controlSocket(this.places, profile.name);
    await runServices(this, {
      services: await createDevnet({
        profile,
        places: this.places,
        backends,
        prices: DEVNET_PRICES,
        version: this.config.version,
      }),
      log,
      profile: profile.name,
      admin: {host: '127.0.0.1', port: this.flags['admin-port']},
      socketPath,
      runFile: runFile(this.places, profile.name),
      onReady: async (host) => {
        if (ask !== undefined) {
          const {askAndVerify} = await import('../lib/cli/ask.ts');
          await askAndVerify(this, socketPath, ask, host.stopping);
        }
        if (once) await host.stop();
        else this.note('Ask it from another terminal: quiver infer "What is a relay node?" (Ctrl-C stops it)');
      },
    });
  }
}
