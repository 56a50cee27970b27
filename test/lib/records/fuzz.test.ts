import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {utf8} from '../../../src/lib/core/bytes.ts';
import {QuiverError} from '../../../src/lib/core/errors.ts';
import {toJson} from '../../../src/lib/core/json.ts';
import {openBid, signBid} from '../../../src/lib/records/bid.ts';
import {openManifest, sealManifest} from '../../../src/lib/records/manifest.ts';
import {decodeReceipt, encodeReceipt} from '../../../src/lib/records/receipt.ts';
import {receiptFromJson, receiptToJson} from '../../../src/lib/records/receipt-json.ts';
import {createRequestId, openRequestForQuote, sealRequestForQuote} from '../../../src/lib/records/request-for-quote.ts';
import {verifyReceipt} from '../../../src/lib/records/verify-receipt.ts';
import {readReceipts} from '../../../src/lib/receipts/exchange.ts';
import {anyBid, LOCAL_NETWORK, paymentKey, peerKey, signedReceipt} from '../../support/records.ts';

const now = Date.now();
const signed = signedReceipt();
const receipt = encodeReceipt(signed);
const json = toJson(receiptToJson(signed));
const bid = signBid({...fc.sample(anyBid, 1)[0]!, issuedAt: now, validUntil: now + 60_000}, paymentKey);
const request = await sealRequestForQuote(
  {
    id: createRequestId(),
    network: LOCAL_NETWORK,
    wanted: {model: 'llama3.2'},
    maxTokens: 1,
    promptTokens: 1,
    promptBytes: 1,
    issuedAt: now,
    deadline: now,
    replyTopic: '/quiver/local/bids/1',
  },
  peerKey,
);
const manifest = await sealManifest(
  {
    network: LOCAL_NETWORK,
    models: [{name: 'a', contextTokens: 1, priceIn: 1n, priceOut: 1n, slots: 1}],
    load: {active: 0, queued: 0, slots: 1},
    region: '',
    agentVersion: '',
    addresses: ['/dns4/node.example/tcp/4001'],
    issuedAt: now,
    expiresAt: now,
    sequence: 1,
  },
  peerKey,
  paymentKey,
);

type Edit = {at: number; cut: number; insert: Uint8Array};
const edits: fc.Arbitrary<Edit[]> = fc.array(
  fc.record({at: fc.nat(10_000), cut: fc.nat(40), insert: fc.uint8Array({maxLength: 40})}),
  {minLength: 1, maxLength: 3},
);

/** Random bytes, and a right record with pieces cut out and put in. */
function broken(original: Uint8Array): fc.Arbitrary<Uint8Array> {
  const edited = edits.map((list) => {
    let bytes = [...original];
    for (const {at, cut, insert} of list) {
      const index = at % (bytes.length + 1);
      bytes = [...bytes.slice(0, index), ...insert, ...bytes.slice(index + cut)];
    }
    return Uint8Array.from(bytes);
  });
  return fc.oneof(edited, fc.uint8Array({maxLength: 600}), fc.constant(new Uint8Array(9_000)));
}

/** Reads it, or says why not; anything but a QuiverError is a fault of ours. */
async function settles(read: () => unknown): Promise<void> {
  try {
    await read();
  } catch (error) {
    expect(error).toBeInstanceOf(QuiverError);
  }
}

describe('whatever bytes come', () => {
  it.each<[string, Uint8Array, (bytes: Uint8Array) => unknown]>([
    ['a manifest', manifest, (bytes) => openManifest(bytes)],
    ['a request for quote', request, (bytes) => openRequestForQuote(bytes)],
    ['a bid', bid, (bytes) => openBid(bytes)],
    ['a receipt', receipt, (bytes) => verifyReceipt(decodeReceipt(bytes))],
    ['a file of receipts', receipt, (bytes) => readReceipts(bytes, 'it')],
    ['a file of JSON receipts', utf8(`${json}\n${json}`), (bytes) => readReceipts(bytes, 'it')],
  ])('%s is read, or refused with a clear error', async (_name, original, read) => {
    await settles(() => read(original));
    await fc.assert(
      fc.asyncProperty(broken(original), (bytes) => settles(() => read(bytes))),
      {numRuns: 400},
    );
  });

  it('JSON of any shape is read, or refused with a clear error', async () => {
    const shape = JSON.parse(json) as Record<string, object>;
    const inner = fc.record({
      field: fc.constantFrom('receipt', 'domain'),
      name: fc.constantFrom(...Object.keys(shape['receipt']!), 'chainId', '__proto__'),
      value: fc.jsonValue(),
    });
    await fc.assert(
      fc.asyncProperty(inner, ({field, name, value}) =>
        settles(() => verifyReceipt(receiptFromJson({...shape, [field]: {...shape[field], [name]: value}}))),
      ),
    );
    await fc.assert(fc.asyncProperty(fc.jsonValue(), (value) => settles(() => receiptFromJson(value))));
  });
});
