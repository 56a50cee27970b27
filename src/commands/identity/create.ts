import * as Args from '@oclif/core/args';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {identityFiles, IDENTITY_SERVICES} from '../../lib/cli/identities.ts';

export default class IdentityCreate extends BaseCommand<typeof IdentityCreate> {
  static override summary = 'Make the keys of a service before its first start';
  static override description =
    'A peer key (Ed25519), and for a provider a payment key (secp256k1), readable for you only. ' +
    'Keys that are there stay as they are.';
  static override args = {
    service: Args.string({required: true, options: [...IDENTITY_SERVICES], description: 'Service that gets the keys'}),
  };
  static override examples = ['<%= config.bin %> <%= command.id %> provider'];

  async run(): Promise<object> {
    const {createIdentity} = await import('../../lib/identity/identities.ts');
    const files = identityFiles(this.places, this.args.service);
    const identity = await createIdentity(files);
    this.log(`peer id          ${identity.peerId}`);
    if (identity.paymentAddress !== undefined) this.log(`payment address  ${identity.paymentAddress}`);
    if (!identity.created) this.note('These keys were there already.');
    return {...identity, files};
  }
}
