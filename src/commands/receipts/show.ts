import {Args} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {table} from '../../lib/cli/output.ts';
import {receiptLines} from '../../lib/cli/receipt-text.ts';
import {receiptsDatabase} from '../../lib/config/places.ts';
import {toExport} from '../../lib/receipts/exchange.ts';
import {ReceiptStore} from '../../lib/receipts/store.ts';

export default class ReceiptsShow extends BaseCommand<typeof ReceiptsShow> {
  static override summary = 'Show every field of one receipt in plain words';
  static override description = 'Without an id, the newest one. To check it, use `receipts verify`.';
  static override args = {
    id: Args.string({description: 'First digits of the id of a receipt or of a request, at least 4'}),
  };
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<object> {
    using store = new ReceiptStore(receiptsDatabase(this.places));
    const stored = this.args.id === undefined ? store.newest() : store.find(this.args.id);
    const [first = [], ...rest] = receiptLines(stored);
    this.log(table(first, rest));
    return toExport(stored, {withSalt: false});
  }
}
