import {Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {table} from '../../lib/cli/output.ts';
import {RECEIPT_HEADER, receiptRow} from '../../lib/cli/receipt-text.ts';
import {receiptsDatabase} from '../../lib/config/places.ts';
import {parseDuration} from '../../lib/core/units.ts';
import {toExport} from '../../lib/receipts/exchange.ts';
import {RECEIPTS_PAGE_MAX, ReceiptStore} from '../../lib/receipts/store.ts';

export default class ReceiptsList extends BaseCommand<typeof ReceiptsList> {
  static override summary = 'List the receipts on this machine, newest first';
  static override description =
    'One receipt stands for each request that this machine asked or answered. Works without a network.';
  static override flags = {
    provider: Flags.string({helpValue: '<peer id>', description: 'Only answers by this peer'}),
    client: Flags.string({helpValue: '<peer id>', description: 'Only requests by this peer'}),
    model: Flags.string({helpValue: '<name>', description: 'Only requests for this model'}),
    since: Flags.string({helpValue: '<duration>', description: 'Only those signed in the last 20m, 24h, 7d …'}),
    limit: Flags.integer({min: 1, max: RECEIPTS_PAGE_MAX, default: 20, description: 'Show at most this many'}),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --since 24h --limit 5 --json',
  ];

  async run(): Promise<object> {
    const {provider, client, model, since, limit} = this.flags;
    const filter = {
      ...(provider === undefined ? {} : {provider}),
      ...(client === undefined ? {} : {client}),
      ...(model === undefined ? {} : {model}),
      ...(since === undefined ? {} : {since: Date.now() - parseDuration(since)}),
    };
    using store = new ReceiptStore(receiptsDatabase(this.places));
    const receipts = store.list(filter, {limit});
    if (receipts.length > 0) this.log(table(RECEIPT_HEADER, receipts.map(receiptRow)));
    else this.note('No receipts here. Every answer brings one: quiver infer "What is a receipt?"');
    return {receipts: receipts.map((receipt) => toExport(receipt, {withSalt: false}))};
  }
}
