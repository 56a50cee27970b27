import {BaseCommand} from '../lib/cli/base-command.ts';
import {table} from '../lib/cli/output.ts';
import {EXIT_MEANINGS} from '../lib/cli/exit-meanings.ts';

export default class ExitCodes extends BaseCommand<typeof ExitCodes> {
  static override summary = 'Say what the exit codes of quiver mean';
  static override description = EXIT_MEANINGS.map(({code, meaning}) => `${code}: ${meaning}`).join('\n');
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<{exitCodes: typeof EXIT_MEANINGS}> {
    this.log(
      table(
        ['CODE', 'MEANING'],
        EXIT_MEANINGS.map(({code, meaning}) => [String(code), meaning]),
      ),
    );
    return {exitCodes: EXIT_MEANINGS};
  }
}
