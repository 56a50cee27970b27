import {Args, Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';

export default class NetworkAdd extends BaseCommand<typeof NetworkAdd> {
  static override summary =
    'Add a network by the address of one of its nodes, or by the profile that its operator signed';
  static override args = {name: Args.string({required: true, description: 'Name, the same for everyone on it'})};
  static override flags = {
    bootstrap: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      exactlyOne: ['bootstrap', 'from'],
      helpValue: '<address>',
      description: 'Multiaddr, /dnsaddr/<domain> or host:port of a bootstrap',
    }),
    from: Flags.string({
      exclusive: ['relay', 'loopback-only'],
      helpValue: '<file>',
      description: 'Signed profile that its operator published (quiver dns export --format profile)',
    }),
    signer: Flags.string({
      dependsOn: ['from'],
      helpValue: '<peer id>',
      description: 'Take the profile only when this key signed it',
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
    const {addNetwork, addSignedNetwork} = await import('../../lib/catalog/add-network.ts');
    const {bootstrap = [], relay, chain, force, from, signer} = this.flags;
    const {name} = this.args;
    const network = {name, bootstrap, relay, chain, loopbackOnly: this.flags['loopback-only']};
    const signed = from === undefined ? undefined : {name, from, signer};
    const added =
      signed === undefined
        ? await addNetwork(this.places, network, {replace: force})
        : await addSignedNetwork(this.places, signed, {replace: force});
    const {profile} = added;
    if (added.signer !== undefined) {
      this.log(
        `It was signed by ${added.signer}${signer === undefined ? ': ask its operator whether that is so' : ''}.`,
      );
    }
    this.log(`Added the network ${profile.name}. Use it with --profile ${profile.name}, or for good:`);
    this.log(`quiver network use ${profile.name}`);
    return added;
  }
}
