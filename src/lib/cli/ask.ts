import type {Command} from '@oclif/core';

import {QuiverError} from '../core/errors.ts';
import {remoteClient} from '../inference/client/remote-client.ts';
import {receiptFromJson} from '../records/receipt-json.ts';
import {verifyReceipt} from '../records/verify-receipt.ts';
import {controlClient} from '../service/control-client.ts';
import type {BaseCommand} from './base-command.ts';
import {AnswerPrinter} from './infer-output.ts';

/** Asks the process behind a control socket one question, prints the answer as it comes, and checks its receipt the way a stranger would: from its bytes. */
export async function askAndVerify(
  command: BaseCommand<typeof Command>,
  socketPath: string,
  prompt: string,
  signal: AbortSignal,
): Promise<void> {
  const client = remoteClient(controlClient(socketPath));
  const request = {messages: [{role: 'user' as const, content: prompt}]};
  command.note(`> ${prompt}`);
  const printer = new AnswerPrinter({note: (text) => command.note(text)}, process.stdout);
  try {
    for await (const event of client.infer(request, signal)) {
      if (event.event === 'receipt') checkReceipt(event.receipt);
      if (command.jsonEnabled()) command.event(event);
      else await printer.print(event);
    }
  } finally {
    if (!command.jsonEnabled()) printer.finishLine();
  }
  command.note('The receipt is valid; see it with: quiver receipts show');
}

function checkReceipt(json: unknown): void {
  const {ok, problems} = verifyReceipt(receiptFromJson(json));
  if (ok) return;
  throw new QuiverError({
    code: 'RECEIPT_INVALID',
    message: `The receipt does not hold: ${problems.join('; ')}`,
    fix: 'quiver receipts list shows what was kept; do not pay for this answer.',
  });
}
