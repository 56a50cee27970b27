import {BaseCommand} from '../lib/cli/base-command.ts';
import {statusText} from '../lib/cli/status-text.ts';
import {controlSocket} from '../lib/config/places.ts';
import {EXIT} from '../lib/core/errors.ts';
import {readStatus} from '../lib/service/status.ts';

export default class Status extends BaseCommand<typeof Status> {
  static override summary = 'Show what runs in this profile, and how it is doing';
  static override description = 'Ends with 1 when nothing runs, or when a service does not pass its own check.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<object> {
    const {name} = await this.loadProfile();
    const report = await readStatus(controlSocket(this.places, name), this.abortSignal);
    this.log(statusText(report));
    if (!report.health.ok) this.endWith(EXIT.failed);
    return report;
  }
}
