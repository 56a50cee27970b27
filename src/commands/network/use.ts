import {Args} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';

export default class NetworkUse extends BaseCommand<typeof NetworkUse> {
  static override summary = 'Choose the network that commands belong to without --profile';
  static override args = {name: Args.string({required: true, description: 'Name of the network'})};
  static override examples = ['<%= config.bin %> <%= command.id %> local'];

  async run(): Promise<object> {
    const {chooseProfile} = await import('../../lib/config/profile-store.ts');
    const file = await chooseProfile(this.places, this.args.name);
    this.log(`Commands now belong to the network ${this.args.name}.`);
    return {profile: this.args.name, file};
  }
}
