import {BaseCommand} from '../../lib/cli/base-command.ts';
import {identityFiles, IDENTITY_SERVICES} from '../../lib/cli/identities.ts';
import {table} from '../../lib/cli/output.ts';

export default class IdentityShow extends BaseCommand<typeof IdentityShow> {
  static override summary = 'List your identities: the peer id and the payment address of each service';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<object> {
    const {readIdentity} = await import('../../lib/identity/identities.ts');
    const found = await Promise.all(IDENTITY_SERVICES.map((name) => readIdentity(identityFiles(this.places, name))));
    const identities = found.filter((identity) => identity !== undefined);
    if (identities.length === 0) this.note('No identity yet: a service makes its own at its first start.');
    else {
      const rows = identities.map(({service, peerId, paymentAddress}) => [service, peerId, paymentAddress ?? '']);
      this.log(table(['SERVICE', 'PEER ID', 'PAYMENT ADDRESS'], rows));
    }
    return {identities};
  }
}
