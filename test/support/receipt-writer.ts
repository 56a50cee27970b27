// Keeps one receipt after the other in the store it is given and prints the digest of each once it is kept.
import {writeSync} from 'node:fs';

import {toHex} from '../../src/lib/core/bytes.ts';
import {receiptDigest} from '../../src/lib/records/receipt.ts';
import {createRequestId} from '../../src/lib/records/request-for-quote.ts';
import {ReceiptStore} from '../../src/lib/receipts/store.ts';
import {signedReceipt} from './records.ts';

const store = new ReceiptStore(process.argv[2] ?? ':memory:');
for (;;) {
  const signed = signedReceipt({requestId: createRequestId()});
  store.put(signed);
  writeSync(1, `${toHex(receiptDigest(signed.receipt))}\n`);
}
