import {Args} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {keyFlag} from '../../lib/cli/flags.ts';

export default class DnsImport extends BaseCommand<typeof DnsImport> {
  static override summary = 'Read a zone file into settings, and say what is wrong with it';
  static override description =
    "Prints the dns section for quiver.yaml, from BIND's file or an export of Cloudflare's. What is not of quiver is kept in it word for word, and what can't be read as a comment.";
  static override args = {file: Args.string({required: true, description: 'Zone file; - is stdin'})};
  static override flags = {zone: keyFlag('dns.zone')};
  static override examples = [
    '<%= config.bin %> <%= command.id %> zone.txt',
    '<%= config.bin %> <%= command.id %> - --zone quiver.example < zone.txt',
  ];

  async run(): Promise<object> {
    const [config, {importFile}, {topologySettings, topologyYaml, reportImport}] = await Promise.all([
      this.loadSettings(),
      import('../../lib/cli/dns-import-file.ts'),
      import('../../lib/cli/dns-import.ts'),
    ]);
    const imported = await importFile(this.args.file, config);
    this.note(reportImport(imported));
    this.log((await topologyYaml(imported)).trimEnd());
    const {kept, added, changed, problems, findings} = imported;
    return {dns: topologySettings(imported.input), kept, added, changed, problems, findings};
  }
}
