import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {valueFor} from '../../lib/cli/set-value.ts';
import {originText, valueText} from '../../lib/cli/settings-text.ts';
import {checkKey, setConfigValue} from '../../lib/config/edit.ts';
import {projectFile} from '../../lib/config/load.ts';
import {userConfigFile} from '../../lib/config/places.ts';
import {loadProfile} from '../../lib/config/profile-store.ts';

export default class ConfigSet extends BaseCommand<typeof ConfigSet> {
  static override summary = 'Change one setting in a configuration file';
  static override description = 'Comments and other keys stay as they are; a value that is not allowed is not written.';
  static override args = {
    key: Args.string({required: true, description: 'Key, e.g. relay.port'}),
    value: Args.string({
      required: true,
      description: 'Value; the items of a list are separated by commas; - reads it from stdin',
    }),
  };
  static override flags = {
    project: Flags.boolean({
      description: 'Write ./quiver.yaml (or the file of --config) instead of your own config file',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> relay.port 4011',
    '<%= config.bin %> <%= command.id %> network.connection_limits.max_peers 200 --project',
  ];

  async run(): Promise<object> {
    const key = checkKey(this.args.key);
    const file = this.flags.project ? projectFile({cwd: this.folder, ...this.configFile}) : userConfigFile(this.places);
    const value = await valueFor(key, this.args.value);
    // A network that isn't there would make every later command fail.
    if (key === 'profile') await loadProfile(this.places, value);
    await setConfigValue(file, key, value);
    const now = (await this.loadSettings()).entry(key);
    this.note(`${key} is set in ${file}`);
    if (!now.origin.where.startsWith(file))
      this.note(`But ${originText(now.origin)} says ${valueText(now.value)}, and wins.`);
    return {file, ...now};
  }
}
