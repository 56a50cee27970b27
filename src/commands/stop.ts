import {Flags} from '@oclif/core';

import {BaseCommand} from '../lib/cli/base-command.ts';
import {controlSocket} from '../lib/config/places.ts';
import {parseDuration} from '../lib/core/units.ts';
import {stopRunning} from '../lib/service/stop-running.ts';

export default class Stop extends BaseCommand<typeof Stop> {
  static override summary = 'Stop what runs in this profile';
  static override description =
    'Lets work under way end, within bounds, and returns when the process is gone. To find nothing running is no error.';
  static override flags = {
    timeout: Flags.string({
      helpValue: '<duration>',
      default: '30s',
      description: 'Fail when it is still there after this long',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --timeout 2m',
  ];

  async run(): Promise<object> {
    const timeoutMs = parseDuration(this.flags.timeout);
    const {name} = await this.loadProfile();
    const pid = await stopRunning(controlSocket(this.places, name), {timeoutMs, signal: this.abortSignal});
    if (pid === undefined) this.note(`Nothing runs in the profile ${name}.`);
    else this.log(`stopped: ${name} (pid ${pid})`);
    return {stopped: pid !== undefined, profile: name, ...(pid !== undefined && {pid})};
  }
}
