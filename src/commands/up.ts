import {Flags} from '@oclif/core';

import {BaseCommand} from '../lib/cli/base-command.ts';
import {controlSocket} from '../lib/config/places.ts';

export default class Up extends BaseCommand<typeof Up> {
  static override summary = 'Run a whole network on this machine';
  static override description =
    'A bootstrap that is also a relay, a provider with the built-in model and whatever inference servers run here, a ' +
    'client, STUN, TURN and signalling, and a chain with the contracts. Everything listens on loopback only, on free ports; other commands find it by themselves.';
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
    const [config, {createDevnet}, {announceAccounts}, {ownBackends, runHere}, {serviceLogger}] = await Promise.all([
      this.loadSettings(),
      import('../lib/devnet/devnet.ts'),
      import('../lib/cli/local-chain.ts'),
      import('../lib/cli/serve.ts'),
      import('../lib/cli/run-services.ts'),
    ]);
    const {ask, once, model} = this.flags;
    // The ready lines say it all; whoever wants every line of seven services asks for it.
    const quiet = config.origin('log.level').layer === 'default';
    const log = await serviceLogger(quiet ? 'warn' : config.get('log.level'));
    const backends = await ownBackends(this, config, log, {modelPaths: model, embedded: true});
    await runHere(this, config, {
      services: await createDevnet({
        config,
        places: this.places,
        version: this.config.version,
        backends,
        onAccountsCreated: (accounts, file) => announceAccounts(this, accounts, file),
      }),
      log,
      admin: {host: '127.0.0.1', port: this.flags['admin-port']},
      onReady: async (host) => {
        if (ask !== undefined) {
          const {askAndVerify} = await import('../lib/cli/ask.ts');
          await askAndVerify(this, controlSocket(this.places, config.profile.name), ask, host.stopping);
        }
        if (once) await host.stop();
        else this.note('Ask it from another terminal: quiver infer "What is a relay node?" (Ctrl-C stops it)');
      },
    });
  }
}
