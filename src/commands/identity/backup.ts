import {resolve} from 'node:path';

import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {identityFiles, IDENTITY_SERVICES} from '../../lib/cli/identities.ts';

export default class IdentityBackup extends BaseCommand<typeof IdentityBackup> {
  static override summary = 'Copy key files into a folder';
  static override description =
    'The copies are secret: keep them offline. Nothing is overwritten. To restore one, copy it back (see identity show).';
  static override args = {
    service: Args.string({
      options: [...IDENTITY_SERVICES],
      description: 'Service whose keys are copied; all without it',
    }),
  };
  static override flags = {
    out: Flags.string({required: true, helpValue: '<folder>', description: 'Folder for the copies, made if need be'}),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> --out ./quiver-keys',
    '<%= config.bin %> <%= command.id %> provider --out /media/stick/quiver',
  ];

  async run(): Promise<object> {
    const {backUpKeys} = await import('../../lib/identity/identities.ts');
    const services = this.args.service === undefined ? IDENTITY_SERVICES : [this.args.service];
    const identities = services.map((service) => identityFiles(this.places, service));
    const copies = await backUpKeys(identities, resolve(this.flags.out));
    this.log(copies.join('\n'));
    return {copies};
  }
}
