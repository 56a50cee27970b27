import {BaseCommand} from '../../lib/cli/base-command.ts';
import {table} from '../../lib/cli/output.ts';
import {originText, valueText} from '../../lib/cli/settings-text.ts';

export default class ConfigShow extends BaseCommand<typeof ConfigShow> {
  static override summary = 'Show every setting and where it comes from';
  static override description =
    'A flag beats the environment, then ./quiver.yaml, your own config file, the network profile and the default. ' +
    'Secrets are masked.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --profile amoy --json',
  ];

  async run(): Promise<object> {
    const entries = (await this.loadSettings()).entries();
    const rows = entries.map(({key, value, origin}) => [key, valueText(value), originText(origin)]);
    this.log(table(['KEY', 'VALUE', 'ORIGIN'], rows));
    return {settings: entries};
  }
}
