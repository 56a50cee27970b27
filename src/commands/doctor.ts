import {join} from 'node:path';

import {BaseCommand} from '../lib/cli/base-command.ts';
import {checkTable} from '../lib/cli/check-table.ts';
import {EXIT} from '../lib/core/errors.ts';

export default class Doctor extends BaseCommand<typeof Doctor> {
  static override summary = 'Find out what is wrong with this machine or its settings';
  static override description =
    'Looks at this machine only and changes nothing. Ends with 1 when something has to be repaired.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<object> {
    const {diagnose} = await import('../lib/doctor/doctor.ts');
    const checks = await diagnose(
      {
        places: this.places,
        environment: this.environment,
        loadConfig: () => this.loadSettings(),
        modelPath: join(this.config.root, 'models', 'quiver-tiny.gguf'),
      },
      this.abortSignal,
    );
    const failed = checks.filter(({status}) => status === 'fail').length;
    this.log(checkTable(checks));
    if (failed > 0) this.endWith(EXIT.failed);
    return {ok: failed === 0, checks};
  }
}
