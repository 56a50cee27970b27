import {Args, Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';

export default class NetworkAdd extends BaseCommand<typeof NetworkAdd> {
  static override summary = 'Add a network by the address of one of its nodes';
  static override args = {name: Args.string({required: true, description: 'Name, the same for everyone on it'})};
  static override flags = {
    bootstrap: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      required: true,
      helpValue: '<address>',
      description: 'Multiaddr, /dnsaddr/<domain> or host:port of a bootstrap',
    }),
    relay: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      default: [],
      helpValue: '<address>',
      description: 'Relay to be reachable through: an address as above, or a peer id',
    }),
    chain: Flags.option({
      options: ['local', 'amoy', 'polygon'] as const,
      default: 'local' as const,
      description: 'Chain that payments are made on',
    })(),
    'loopback-only': Flags.boolean({description: 'Listen on and dial this machine only'}),
    force: Flags.boolean({description: 'Replace a network of that name'}),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> my-net --bootstrap bootstrap.quiver.example:4001 --chain amoy',
  ];

  async run(): Promise<object> {
    const {addNetwork} = await import('../../lib/catalog/add-network.ts');
    const {bootstrap, relay, chain, force} = this.flags;
    const network = {name: this.args.name, bootstrap, relay, chain, loopbackOnly: this.flags['loopback-only']};
    const {profile, file} = await addNetwork(this.places, network, {replace: force});
    this.log(`Added the network ${profile.name}. Use it with --profile ${profile.name}, or for good:`);
    this.log(`quiver network use ${profile.name}`);
    return {profile, file};
  }
}
