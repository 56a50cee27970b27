import * as Args from '@oclif/core/args';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {plain} from '../../lib/cli/output.ts';
import {originText} from '../../lib/cli/settings-text.ts';
import {checkKey} from '../../lib/config/edit.ts';

export default class ConfigGet extends BaseCommand<typeof ConfigGet> {
  static override summary = 'Print one setting';
  static override description = 'A list prints one item a line; a setting that is not set prints nothing.';
  static override args = {key: Args.string({required: true, description: 'Key, e.g. relay.port'})};
  static override examples = [
    '<%= config.bin %> <%= command.id %> profile',
    '<%= config.bin %> <%= command.id %> relay.port --json',
  ];

  async run(): Promise<object> {
    const entry = (await this.loadSettings()).entry(checkKey(this.args.key));
    const items = Array.isArray(entry.value) ? entry.value : [entry.value];
    for (const item of items) if (item !== null) this.log(plain(String(item)));
    this.note(`(${originText(entry.origin)})`);
    return entry;
  }
}
