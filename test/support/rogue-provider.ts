import {generateKeyPair} from '@libp2p/crypto/keys';
import type {Connection, Stream} from '@libp2p/interface';
import pino from 'pino';

import {generatePaymentSecret, paymentKeyFromBytes} from '../../src/lib/core/secp256k1.ts';
import type {PaymentKey} from '../../src/lib/core/secp256k1.ts';
import {MarketNode} from '../../src/lib/inference/market/market-node.ts';
import {Meter} from '../../src/lib/inference/provider/meter.ts';
import {decodeQuestion, promptBytes} from '../../src/lib/inference/wire/frames.ts';
import type {AnswerSink} from '../../src/lib/inference/wire/provider-link.ts';
import {ProviderLink} from '../../src/lib/inference/wire/provider-link.ts';
import {networkNames} from '../../src/lib/p2p/protocols.ts';
import {BID_VERSION, bidDigest, signBid} from '../../src/lib/records/bid.ts';
import type {Bid} from '../../src/lib/records/bid.ts';
import type {Open} from '../../src/lib/records/gen/frames_pb.js';
import {sealManifest} from '../../src/lib/records/manifest.ts';
import {TEST_NETWORK, TEST_PREFIX} from './network.ts';
import type {TestNetwork} from './network.ts';

const ZERO = `0x${'0'.repeat(40)}`;

export interface Rogue {
  peerId: string;
  paymentKey: PaymentKey;
  /** Requests that reached it. */
  asked: number;
}

export interface RogueOptions {
  /** What it does with a request; `meter` counts and signs as an honest provider would. */
  answer?: (request: {open: Open; sink: AnswerSink; meter: Meter; rogue: Rogue}) => void | Promise<void>;
  /** Offers nothing unless asked, and only when this has resolved; refuses with what it resolves to, if that is a text. */
  quotes?: () => Promise<string | void>;
  /** Takes the raw stream instead. */
  stream?: (stream: Stream) => void | Promise<void>;
  /** ms that its clock is ahead. */
  clock?: number;
  bid?: Partial<Bid>;
  /** Signs bids, and is named by them, instead of the key that the manifest names. */
  bidKey?: PaymentKey;
}

/** A provider whose manifest and bids are in order unless told otherwise, and whose answers are whatever a test wants. */
export async function addRogue(network: TestNetwork, options: RogueOptions): Promise<Rogue> {
  const peerKey = await generateKeyPair('Ed25519');
  const paymentKey = paymentKeyFromBytes(generatePaymentSecret());
  const {node} = await network.addNode(['provider'], peerKey);
  const names = networkNames(TEST_PREFIX);
  const market = await MarketNode.enter({
    node,
    names,
    network: TEST_NETWORK,
    log: pino({level: 'silent'}),
    curious: false,
  });
  const rogue: Rogue = {peerId: node.peerId.toString(), paymentKey, asked: 0};
  const now = (): number => Date.now() + (options.clock ?? 0);
  const madeAt = now();
  const bidKey = options.bidKey ?? paymentKey;
  const bid: Bid = {
    version: BID_VERSION,
    network: TEST_NETWORK,
    provider: rogue.peerId,
    paymentAddress: bidKey.address,
    model: 'parrot:latest',
    modelDigest: '',
    quantisation: '',
    priceIn: 1n,
    priceOut: 1n,
    asset: ZERO,
    slotsFree: 4,
    firstTokenMs: 1,
    issuedAt: madeAt,
    validUntil: madeAt + 60_000,
    ...options.bid,
  };
  let sequence = 1;
  market.answering = async (request) => {
    const refusal = request === undefined ? undefined : await options.quotes?.();
    sequence += 1;
    const issuedAt = now();
    const manifest = await sealManifest(
      {
        network: TEST_NETWORK,
        models: [{name: 'parrot:latest', contextTokens: 4_096, priceIn: 1n, priceOut: 1n, slots: 4}],
        load: {active: 0, queued: 0, slots: 4},
        region: '',
        agentVersion: 'rogue',
        addresses: node.getMultiaddrs().map((address) => address.toString().replace(/\/p2p\/.*$/, '')),
        issuedAt,
        expiresAt: issuedAt + 180_000,
        sequence,
      },
      peerKey,
      paymentKey,
    );
    if (typeof refusal === 'string') return {manifest, refusal};
    return {manifest, bids: options.quotes !== undefined && request === undefined ? [] : [signBid(bid, bidKey)]};
  };
  await node.handle(names.infer, (stream: Stream, connection: Connection) => {
    if (options.stream !== undefined) return options.stream(stream);
    // oxlint-disable-next-line no-new -- it lives as long as its stream
    new ProviderLink(stream, 32, {
      request: (open, sink) => {
        rogue.asked += 1;
        const question = decodeQuestion(open.question);
        const meter = new Meter({
          requestId: open.requestId,
          client: connection.remotePeer.toString(),
          bid,
          offerDigest: bidDigest(bid),
          salt: open.salt,
          question: open.question,
          bytesIn: promptBytes(question),
          previous: open.previousReceipt.byteLength === 32 ? open.previousReceipt : new Uint8Array(32),
          paymentKey,
        });
        void options.answer?.({open, sink, meter, rogue});
      },
      closed: () => undefined,
    });
    return undefined;
  });
  return rogue;
}
