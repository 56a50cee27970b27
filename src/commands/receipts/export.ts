import {writeFile} from 'node:fs/promises';
import {pipeline} from 'node:stream/promises';

import {Args, Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {receiptsDatabase} from '../../lib/config/places.ts';
import {parseDuration} from '../../lib/core/units.ts';
import {exportLines} from '../../lib/receipts/exchange.ts';
import {ReceiptStore} from '../../lib/receipts/store.ts';

export default class ReceiptsExport extends BaseCommand<typeof ReceiptsExport> {
  static override summary = 'Write receipts as JSON, one a line, that anyone can check offline';
  static override description =
    'Oldest first. There are no prompts or answers in receipts, only salted hashes of them. ' +
    'Field by field in docs/protocol.md.';
  static override args = {
    id: Args.string({description: 'Only this one: first digits of its id, at least 4'}),
  };
  static override flags = {
    output: Flags.string({char: 'o', helpValue: '<file>', description: 'Write to this file instead of stdout'}),
    since: Flags.string({helpValue: '<duration>', description: 'Only those signed in the last 20m, 24h, 7d …'}),
    'with-salt': Flags.boolean({
      description: 'Add the salts, so that a receipt proves what was said; whoever has them can also test guesses',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --since 24h --output receipts.ndjson',
  ];

  async run(): Promise<object | void> {
    const {output, since} = this.flags;
    using store = new ReceiptStore(receiptsDatabase(this.places));
    const filter = since === undefined ? {} : {since: Date.now() - parseDuration(since)};
    const receipts = this.args.id === undefined ? store.all(filter) : [store.find(this.args.id)];
    const lines = exportLines(receipts, {withSalt: this.flags['with-salt']});
    if (output === undefined) {
      // With back-pressure: an archive may be larger than the memory.
      await pipeline(lines, process.stdout, {end: false, signal: this.abortSignal});
      return;
    }
    await writeFile(output, lines, {mode: 0o600});
    this.note(`written: ${output}`);
    return {file: output};
  }
}
