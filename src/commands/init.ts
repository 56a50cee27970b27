import * as Flags from '@oclif/core/flags';

import {BaseCommand} from '../lib/cli/base-command.ts';
import {askInitAnswers} from '../lib/cli/init-answers.ts';
import {NEXT_COMMANDS, ROLES} from '../lib/cli/init-questions.ts';
import {refuseExisting, writeConfigFile} from '../lib/config/edit.ts';
import {projectFile} from '../lib/config/load.ts';

export default class Init extends BaseCommand<typeof Init> {
  static override summary = 'Write a quiver.yaml for this machine, asking what it should do';
  static override description =
    'Every question is also a flag; the network is --profile. Without a terminal nothing is asked: --role is needed, ' +
    'the rest has defaults.';
  static override flags = {
    role: Flags.option({options: ROLES, description: 'What this machine should do'})(),
    name: Flags.string({helpValue: '<name>', description: 'Name of a provider in `quiver status`, logs and metrics'}),
    port: Flags.string({helpValue: '<port>', description: 'TCP and QUIC port, 0 for any free one'}),
    region: Flags.string({helpValue: '<region>', description: 'Where a provider or relay stands, e.g. eu-west'}),
    bootstrap: Flags.string({helpValue: '<nodes>', description: 'Nodes to join through, separated by commas'}),
    force: Flags.boolean({description: 'Replace a quiver.yaml that is there'}),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --role relay --port 4001 --config relay.yaml',
  ];

  async run(): Promise<object> {
    const file = projectFile({cwd: this.folder, ...this.configFile});
    // Before a person answers six questions in vain; without one a missing flag is the better complaint.
    if (this.interactive && !this.flags.force) await refuseExisting(file);
    const {role, values} = await askInitAnswers({
      given: new Map(Object.entries(this.flags)),
      places: this.places,
      interactive: this.interactive,
    });
    await writeConfigFile(file, values, {replace: this.flags.force});
    this.log(file);
    this.note(`Next: ${NEXT_COMMANDS[role]}`);
    return {file, role, settings: Object.fromEntries(values)};
  }
}
