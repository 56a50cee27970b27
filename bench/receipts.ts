// How fast receipts are signed and checked, beside ethers on the same data in the same run.
// npm run build is not needed: node bench/receipts.ts
import {TypedDataEncoder, verifyTypedData, Wallet} from 'ethers';

import {toHex} from '../src/lib/core/bytes.ts';
import {generatePaymentSecret, paymentKeyFromBytes, secp256k1Engine} from '../src/lib/core/secp256k1.ts';
import {peerFromKey, peerToKey} from '../src/lib/records/peer-key.ts';
import {decodeReceipt, encodeReceipt, receiptDigest, receiptStruct, signReceipt} from '../src/lib/records/receipt.ts';
import type {Receipt} from '../src/lib/records/receipt.ts';
import {verifyReceipt} from '../src/lib/records/verify-receipt.ts';

/** CPU time that each row is measured for, in ms, after a warm-up of a third. */
const MEASURE_MS = 2_000;

const secret = generatePaymentSecret();
const key = paymentKeyFromBytes(secret);
const wallet = new Wallet(toHex(secret));
const now = Date.now();
const zero = `0x${'0'.repeat(40)}`;

/** The size and shape of everyday receipts: every field filled, another request each. */
const receipts: Receipt[] = Array.from({length: 500}, (_, index) => ({
  network: {chainId: 80_002, settlement: zero},
  version: 1,
  requestId: crypto.getRandomValues(new Uint8Array(16)),
  client: peerFromKey(new Uint8Array(32).fill(index % 50)),
  provider: peerFromKey(new Uint8Array(32).fill(200)),
  paymentAddress: key.address,
  offerDigest: crypto.getRandomValues(new Uint8Array(32)),
  modelDigest: `sha256:${'ab'.repeat(32)}`,
  quantisation: 'Q8_0',
  tokensIn: 120,
  tokensOut: 340,
  cachedTokens: 0,
  bytesIn: 500,
  bytesOut: 1_400,
  priceIn: 10n ** 15n,
  priceOut: 10n ** 15n,
  cost: 46n * 10n ** 13n,
  asset: zero,
  firstTokenMs: 80,
  totalMs: 900,
  finish: 'stop',
  error: '',
  requestHash: crypto.getRandomValues(new Uint8Array(32)),
  responseHash: crypto.getRandomValues(new Uint8Array(32)),
  startedAt: now - 900,
  issuedAt: now,
  channelId: crypto.getRandomValues(new Uint8Array(32)),
  nonce: 7n,
  previous: crypto.getRandomValues(new Uint8Array(32)),
  sequence: 5,
}));

const signed = receipts.map((receipt) => signReceipt(receipt, key));
const encoded = signed.map(encodeReceipt);
const digests = receipts.map(receiptDigest);

const members = receiptStruct.type.slice('Receipt('.length, -1).split(',');
const types = {
  Receipt: members.map((member) => ({type: member.split(' ')[0] ?? '', name: member.split(' ')[1] ?? ''})),
};
const domain = {name: 'quiver', version: '1', chainId: 80_002, verifyingContract: zero};
const messages = receipts.map(ethersMessage);

function ethersMessage(receipt: Receipt): Record<string, unknown> {
  const label = (text: string): string => `0x${Buffer.from(text).toString('hex').padEnd(64, '0')}`;
  const hexed = Object.entries(receipt).map(([name, value]): [string, unknown] => [
    name,
    value instanceof Uint8Array ? toHex(value) : value,
  ]);
  return {
    ...Object.fromEntries(hexed),
    client: toHex(peerToKey(receipt.client) ?? new Uint8Array(32)),
    provider: toHex(peerToKey(receipt.provider) ?? new Uint8Array(32)),
    modelDigestScheme: 1,
    modelDigest: `0x${receipt.modelDigest.slice('sha256:'.length)}`,
    quantisation: label(receipt.quantisation),
    error: label(receipt.error),
    finish: 1,
  };
}

/** Calls a second of CPU time. */
async function rate(work: (index: number) => unknown): Promise<number> {
  let calls = 0;
  let start = process.cpuUsage();
  let warm = false;
  for (;;) {
    for (let step = 0; step < 20; step += 1) await work(calls++ % receipts.length);
    const {user, system} = process.cpuUsage(start);
    const spentMs = (user + system) / 1_000;
    if (!warm && spentMs > MEASURE_MS / 3) {
      warm = true;
      calls = 0;
      start = process.cpuUsage();
    } else if (warm && spentMs > MEASURE_MS) {
      return calls / (spentMs / 1_000);
    }
  }
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new RangeError(`no item ${index}`);
  return item;
}

const rows: [what: string, ours: number, theirs: number | undefined][] = [
  [
    'digest',
    await rate((i) => receiptDigest(at(receipts, i))),
    await rate((i) => TypedDataEncoder.hash(domain, types, at(messages, i))),
  ],
  [
    'sign, digest included',
    await rate((i) => signReceipt(at(receipts, i), key)),
    await rate((i) => wallet.signTypedData(domain, types, at(messages, i))),
  ],
  [
    'verify a decoded receipt (all checks)',
    await rate((i) => verifyReceipt(at(signed, i))),
    await rate((i) => verifyTypedData(domain, types, at(messages, i), toHex(at(signed, i).signature))),
  ],
  ['decode and verify its bytes', await rate((i) => verifyReceipt(decodeReceipt(at(encoded, i)))), undefined],
  ['encode to bytes', await rate((i) => encodeReceipt(at(signed, i))), undefined],
];

if (digests.some((digest, index) => toHex(digest) !== TypedDataEncoder.hash(domain, types, at(messages, index)))) {
  throw new Error('the two sides do not hash the same');
}
console.log(
  `secp256k1 engine: ${secp256k1Engine}; receipt on the wire: ${at(encoded, 0).length} bytes; per second of one core`,
);
for (const [what, ours, theirs] of rows) {
  const ratio =
    theirs === undefined ? '' : `  ethers ${theirs.toFixed(0).padStart(7)}  ratio ${(ours / theirs).toFixed(1)}`;
  console.log(`${what.padEnd(40)} ${ours.toFixed(0).padStart(8)}${ratio}`);
}
