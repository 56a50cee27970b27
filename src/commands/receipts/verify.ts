import {Args, Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {verdictLines} from '../../lib/cli/receipt-text.ts';
import {receiptsDatabase} from '../../lib/config/places.ts';
import {EXIT} from '../../lib/core/errors.ts';
import {readFileBounded, receiptsFrom} from '../../lib/receipts/source.ts';
import {ReceiptStore} from '../../lib/receipts/store.ts';
import {checkReceipts} from '../../lib/receipts/verify.ts';

export default class ReceiptsVerify extends BaseCommand<typeof ReceiptsVerify> {
  static override summary = 'Check receipts offline: signature, cost, counts, times and chain';
  static override description =
    'Takes the id of a receipt on this machine, a file of `receipts export`, the bytes of one receipt, or - for stdin; ' +
    'without any, the newest receipt here. Ends with 1 when anything is wrong, and says what.';
  static override args = {
    receipt: Args.string({description: 'First digits of an id, a file, or - for stdin'}),
  };
  static override flags = {
    response: Flags.string({
      helpValue: '<file>',
      description: 'Check that this is the answer that was signed for (needs the salt: here, or in the export)',
    }),
    request: Flags.string({
      helpValue: '<file>',
      description: 'Check that these bytes are the encoded question (docs/protocol-stream.md) that was signed for',
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> receipts export | <%= config.bin %> <%= command.id %> -',
  ];

  async run(): Promise<object> {
    using store = new ReceiptStore(receiptsDatabase(this.places));
    const entries =
      this.args.receipt === undefined
        ? [store.newest()]
        : await receiptsFrom(this.args.receipt, {stdin: process.stdin, store});
    const {request, response} = this.flags;
    const receipts = checkReceipts(
      entries,
      {
        ...(request === undefined ? {} : {request: await readFileBounded(request)}),
        ...(response === undefined ? {} : {response: await readFileBounded(response)}),
      },
      (digest) => store.get(digest)?.signed.receipt,
    );
    const ok = receipts.every((receipt) => receipt.ok);
    for (const line of verdictLines(receipts)) this.log(line);
    if (!ok) this.endWith(EXIT.failed);
    return {ok, receipts: receipts.map(({digest, link, problems, ...rest}) => ({digest, ok: rest.ok, link, problems}))};
  }
}
