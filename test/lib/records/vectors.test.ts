import {readFileSync} from 'node:fs';
import path from 'node:path';

import type {DescFile} from '@bufbuild/protobuf';
import {generateKeyPairFromSeed} from '@libp2p/crypto/keys';
import {describe, expect, it} from 'vitest';

import {toHex, utf8} from '../../../src/lib/core/bytes.ts';
import {toJson} from '../../../src/lib/core/json.ts';
import {paymentKeyFromBytes} from '../../../src/lib/core/secp256k1.ts';
import {bidStruct, openBid, signBid} from '../../../src/lib/records/bid.ts';
import {domainSeparator} from '../../../src/lib/records/eip712.ts';
import {file_bid} from '../../../src/lib/records/gen/bid_pb.js';
import {file_manifest} from '../../../src/lib/records/gen/manifest_pb.js';
import {file_receipt} from '../../../src/lib/records/gen/receipt_pb.js';
import {file_request_for_quote} from '../../../src/lib/records/gen/request_for_quote_pb.js';
import {openManifest, peerBindingStruct, sealManifest} from '../../../src/lib/records/manifest.ts';
import {peerFromKey} from '../../../src/lib/records/peer-key.ts';
import {receiptFromJson, receiptToJson} from '../../../src/lib/records/receipt-json.ts';
import {
  costOf,
  decodeReceipt,
  encodeReceipt,
  receiptDigest,
  receiptStruct,
  signReceipt,
} from '../../../src/lib/records/receipt.ts';
import {openRequestForQuote, sealRequestForQuote} from '../../../src/lib/records/request-for-quote.ts';
import {saltedHash} from '../../../src/lib/records/salted-hash.ts';
import {verifyReceipt} from '../../../src/lib/records/verify-receipt.ts';
import {voucherDigest, voucherStruct} from '../../../src/lib/records/voucher.ts';

/** 2026-01-01T00:00:00Z */
const NOW = 1_767_225_600_000;
const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);

const peerKey = await generateKeyPairFromSeed('Ed25519', fill(0x22));
const clientKey = await generateKeyPairFromSeed('Ed25519', fill(0x33));
const paymentKey = paymentKeyFromBytes(fill(0x11));
const provider = peerFromKey(peerKey.publicKey.raw);
const client = peerFromKey(clientKey.publicKey.raw);
const network = {chainId: 80_002, settlement: '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'};
const model = {name: 'quiver-tiny', digest: `sha256:${'ab'.repeat(32)}`, quantisation: 'Q8_0'};
const prices = {priceIn: 1_000_000_000_000_000n, priceOut: 2_000_000_000_000_000n};
const asset = '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359';

const manifest = await sealManifest(
  {
    network,
    models: [{...model, contextTokens: 512, ...prices, slots: 4}],
    load: {active: 1, queued: 0, slots: 4},
    region: 'eu-west',
    agentVersion: 'quiver/0.1.0',
    addresses: ['/ip4/203.0.113.7/tcp/4001'],
    issuedAt: NOW,
    expiresAt: NOW + 180_000,
    sequence: 1,
  },
  peerKey,
  paymentKey,
);
const request = await sealRequestForQuote(
  {
    id: fill(0x44, 16),
    network,
    wanted: {model: model.name},
    maxTokens: 128,
    promptTokens: 6,
    promptBytes: 21,
    maxPriceOut: 3_000_000_000_000_000n,
    issuedAt: NOW,
    deadline: NOW + 2_000,
    replyTopic: `/quiver/amoy/bids/1/${client}`,
  },
  clientKey,
);
const bid = signBid(
  {
    network,
    version: 1,
    provider,
    paymentAddress: paymentKey.address,
    model: model.name,
    modelDigest: model.digest,
    quantisation: model.quantisation,
    ...prices,
    asset,
    slotsFree: 3,
    firstTokenMs: 12,
    issuedAt: NOW,
    validUntil: NOW + 60_000,
  },
  paymentKey,
);
const tokens = {tokensIn: 6, tokensOut: 11};
const salt = fill(0x55);
const receipt = signReceipt(
  {
    network,
    version: 1,
    requestId: fill(0x66, 16),
    client,
    provider,
    paymentAddress: paymentKey.address,
    offerDigest: openBid(bid, {now: NOW}).digest,
    modelDigest: model.digest,
    quantisation: model.quantisation,
    ...tokens,
    cachedTokens: 0,
    bytesIn: 21,
    bytesOut: 44,
    ...prices,
    cost: costOf({...tokens, ...prices}),
    asset,
    firstTokenMs: 8,
    totalMs: 40,
    finish: 'stop',
    error: '',
    requestHash: saltedHash(salt, utf8('encoded question')),
    responseHash: saltedHash(salt, utf8('A receipt is a signed record of one request.')),
    startedAt: NOW + 1_000,
    issuedAt: NOW + 1_040,
    channelId: fill(0),
    nonce: 0n,
    previous: fill(0),
    sequence: 0,
  },
  paymentKey,
);
const voucher = {channelId: fill(0x77), epoch: 1, nonce: 2n, balance: 28_000_000_000_000n};

const vectors = {
  keys: {
    peerSeed: toHex(fill(0x22)),
    peerPublicKey: toHex(peerKey.publicKey.raw),
    peerId: provider,
    clientSeed: toHex(fill(0x33)),
    clientId: client,
    paymentSecret: toHex(fill(0x11)),
    paymentAddress: paymentKey.address,
  },
  types: Object.fromEntries(
    [peerBindingStruct, bidStruct, receiptStruct, voucherStruct].map(({name, type, typeHash}) => [
      name,
      {type, typeHash: toHex(typeHash)},
    ]),
  ),
  domainSeparator: toHex(domainSeparator(network)),
  manifest: {now: NOW, envelope: toHex(manifest)},
  requestForQuote: {now: NOW, envelope: toHex(request)},
  bid: {now: NOW, bytes: toHex(bid), digest: toHex(openBid(bid, {now: NOW}).digest)},
  receipt: {bytes: toHex(encodeReceipt(receipt)), salt: toHex(salt), json: receiptToJson(receipt)},
  voucher: {...voucher, channelId: toHex(voucher.channelId), digest: toHex(voucherDigest(voucher, network))},
};

const FIXTURE = '../../fixtures/records.json';

describe('the example records', () => {
  it('are those of test/fixtures/records.json, byte for byte', async () => {
    await expect(`${toJson(vectors, 2)}\n`).toMatchFileSnapshot(FIXTURE);
  });

  it('are right', async () => {
    expect(await openManifest(manifest, {now: NOW})).toMatchObject({peerId: provider, models: [model]});
    expect(await openRequestForQuote(request, {now: NOW})).toMatchObject({client, maxTokens: 128});
    expect(verifyReceipt(decodeReceipt(encodeReceipt(receipt)))).toEqual({ok: true, problems: []});
    expect(receiptFromJson(JSON.parse(toJson(receiptToJson(receipt))))).toEqual(receipt);
    expect(toHex(receiptDigest(receipt.receipt))).toBe(receiptToJson(receipt).digest);
  });
});

describe('docs/protocol.md', () => {
  const text = readFileSync(path.resolve(import.meta.dirname, '../../../docs/protocol.md'), 'utf8');

  it.each([peerBindingStruct, bidStruct, receiptStruct, voucherStruct])('has the type of $name', ({type, typeHash}) => {
    expect(text).toContain(`${type}\n`);
    expect(text).toContain(toHex(typeHash));
  });

  it('has the examples of test/fixtures/records.json', () => {
    const {keys, receipt: example, bid: offer} = vectors;
    const pieces = [
      keys.peerId,
      keys.paymentAddress,
      vectors.domainSeparator,
      example.json.digest,
      example.json.signature,
    ];
    for (const piece of [...pieces, example.bytes, offer.digest, vectors.voucher.digest]) expect(text).toContain(piece);
  });

  const files: readonly DescFile[] = [file_manifest, file_request_for_quote, file_bid, file_receipt];
  const messages = files.flatMap((file) => file.messages);
  it.each(messages.map((message) => [message.name, message] as const))('lists every field of %s', (name, message) => {
    const section = text.slice(text.indexOf(`### \`${name}\``)).split(/\n##/)[0] ?? '';
    const listed = [...section.matchAll(/^\| *(\d+) *\| *`(\w+)` *\|/gm)].map((row) => `${row[1]} ${row[2]}`);
    expect(listed).toEqual(message.fields.map((field) => `${field.number} ${field.name}`));
  });
});
