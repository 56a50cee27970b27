import {TopicValidatorResult} from '@libp2p/gossipsub';
import type {Connection, PeerId, Stream} from '@libp2p/interface';
import {peerIdFromString} from '@libp2p/peer-id';

import {TokenBucket, TokenBuckets} from '../../core/token-bucket.ts';
import type {Logger} from '../../observability/logger.ts';
import type {QuiverNode} from '../../p2p/node-options.ts';
import type {NetworkNames} from '../../p2p/protocols.ts';
import type {Network} from '../../records/eip712.ts';
import type {MarketQuery, MarketReply} from '../../records/gen/frames_pb.js';
import type {RequestForQuote} from '../../records/request-for-quote.ts';
import {MAX_MARKET_MESSAGE_BYTES} from '../limits.ts';
import {encodeFrame} from '../wire/framing.ts';
import {StreamLink} from '../wire/stream-link.ts';
import type {ByteStream} from '../wire/stream-link.ts';
import type {Offer} from './bid-book.ts';
import {exchange, EXCHANGE_TIMEOUT_MS} from './exchange.ts';
import {BID_RATE, Intake, MAX_OTHERS, MAX_RATED_PEERS} from './intake.ts';
import type {Verdict} from './intake.ts';
import {decodeQuery, decodeReply, encodeQuery, encodeReply} from './market-messages.ts';
import type {MarketQueryFields, MarketReplyFields} from './market-messages.ts';
import {rememberAddresses} from './rendezvous.ts';

/** Questions on the bids protocol that one peer may put to us. */
const QUERY_RATE = {perSecond: 20, burst: 60};
/** Gossip through one neighbour, whoever wrote it: what several thousand nodes have to say. */
const NEIGHBOUR_RATE = {perSecond: 200, burst: 1_000};
/** Streams of one connection at once; each carries one question. */
const MAX_QUERY_STREAMS = 16;
/** Who opens a stream and then asks nothing holds one of those. */
const QUESTION_TIMEOUT_MS = 10_000;
/** Manifests of others that are handed on at once. */
const MAX_OTHERS_BYTES = 32 * 1024;
/** Who knows so many providers need not be told of more by every new peer. */
const ENOUGH_PROVIDERS = 8;

export interface MarketNodeOptions {
  node: QuiverNode;
  names: NetworkNames;
  network: Network;
  log: Logger;
  /** Wants to know who provides: asks each new peer. A node that only provides does not care. */
  curious: boolean;
}

/** What a provider says to a request-for-quote; to a question without one, all that it offers. */
export type Answering = (request: RequestForQuote | undefined) => Promise<MarketReplyFields | undefined>;

/** The outcome of asking one provider. */
export interface Asked {
  offers: Offer[];
  /** Why there is none, as the provider says it; empty otherwise. */
  refusal: string;
  retryAfterMs: number;
}

/** Binds the market to one libp2p node: three gossip topics and the bids protocol. Provider and client share it. */
export class MarketNode {
  static readonly #nodes = new WeakMap<QuiverNode, MarketNode>();

  readonly node: QuiverNode;
  readonly names: NetworkNames;
  readonly intake: Intake;
  /** Set while this node provides. */
  answering: Answering | undefined;
  /** Set while this node provides: serves a stream of requests from a peer. */
  serving: ((stream: ByteStream, peer: string) => void) | undefined;
  readonly #log: Logger;
  readonly #queryRates = new TokenBuckets(QUERY_RATE, MAX_RATED_PEERS);
  readonly #neighbourRates = new TokenBuckets(NEIGHBOUR_RATE, MAX_RATED_PEERS);
  /** What others would take of our bids on the topic. */
  readonly #ownBidRate = new TokenBucket(BID_RATE, Date.now());
  readonly #listeners = new Set<(offers: readonly Offer[]) => void>();
  readonly #manifestListeners = new Set<() => void>();
  /** Connected peers that speak the bids protocol. */
  readonly #peers = new Set<string>();
  #topology: string | undefined;
  #users = 0;
  #curious = false;

  private constructor({node, names, network, log}: MarketNodeOptions) {
    this.node = node;
    this.names = names;
    this.intake = new Intake(network);
    this.#log = log;
  }

  /** The one market of a node, made at first use; each caller must `leave` it. */
  static async enter(options: MarketNodeOptions): Promise<MarketNode> {
    const market = MarketNode.#nodes.get(options.node) ?? new MarketNode(options);
    MarketNode.#nodes.set(options.node, market);
    market.#users += 1;
    market.#curious ||= options.curious;
    if (market.#users === 1) await market.#start();
    return market;
  }

  async leave(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    MarketNode.#nodes.delete(this.node);
    if (this.#topology !== undefined) this.node.unregister(this.#topology);
    const {pubsub} = this.node.services;
    for (const topic of this.#topics()) pubsub.topicValidators.delete(topic);
    if (this.node.status === 'started') {
      for (const topic of this.#topics()) pubsub.unsubscribe(topic);
    }
    await this.node.unhandle(this.names.bids);
  }

  /** Calls back with every batch of checked offers, wherever they come from; gives the way to stop. */
  onOffers(listener: (offers: readonly Offer[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  isConnected(peer: string): boolean {
    return this.node.getConnections(peerIdFromString(peer)).length > 0;
  }

  /** Peer ids of those connected that take part in the market. */
  marketPeers(): string[] {
    return [...this.#peers];
  }

  /** Calls back when manifests may have become known; gives the way to stop. */
  onManifests(listener: () => void): () => void {
    this.#manifestListeners.add(listener);
    return () => this.#manifestListeners.delete(listener);
  }

  /** Puts one question to one provider over a stream. Throws when it can't be reached or does not answer in time. */
  async ask(provider: string, query: MarketQueryFields, signal: AbortSignal): Promise<Asked> {
    const bytes =
      provider === this.node.peerId.toString()
        ? encodeReply((await this.answering?.(undefined)) ?? {})
        : await exchange(this.node, this.names.bids, provider, encodeQuery(query), signal, true);
    const reply = decodeReply(bytes ?? new Uint8Array(0));
    return {offers: await this.#take(reply, provider), refusal: reply.refusal, retryAfterMs: reply.retryAfterMs};
  }

  /** Publishes on one of the market's topics; the number of peers that it was handed to. */
  async publish(topic: string, bytes: Uint8Array): Promise<number> {
    const {recipients} = await this.node.services.pubsub.publish(topic, bytes);
    return recipients.length;
  }

  #topics(): string[] {
    return [this.names.requestTopic, this.names.manifestTopic, this.names.bidTopic];
  }

  async #start(): Promise<void> {
    const {pubsub} = this.node.services;
    const validators: [string, (bytes: Uint8Array, author: string, now: number) => Promise<Verdict>][] = [
      [this.names.manifestTopic, (...message) => this.#onManifest(...message)],
      [this.names.requestTopic, (...message) => this.#onRequest(...message)],
      [this.names.bidTopic, (...message) => this.#onBidTopic(...message)],
    ];
    for (const [topic, validate] of validators) {
      pubsub.topicValidators.set(topic, async (neighbour, message) => {
        const now = Date.now();
        if (message.type !== 'signed') return TopicValidatorResult.Reject;
        // A flood under many names comes through few neighbours.
        if (!this.#neighbourRates.take(neighbour.toString(), 1, now)) return TopicValidatorResult.Ignore;
        return VERDICTS[await validate(message.data, message.from.toString(), now)];
      });
      pubsub.subscribe(topic);
    }
    await this.node.handle(this.names.bids, (stream, connection) => this.#onStream(stream, connection), {
      maxInboundStreams: MAX_QUERY_STREAMS,
      maxOutboundStreams: MAX_QUERY_STREAMS * 4,
      runOnLimitedConnection: true,
    });
    // Whoever takes part tells at once what it offers and whom it knows, so that a newcomer need not wait for gossip.
    this.#topology = await this.node.register(this.names.bids, {
      notifyOnLimitedConnection: true,
      onConnect: (peer) => {
        this.#peers.add(peer.toString());
        if (!this.#curious) return;
        const known = this.intake.manifests.all(Date.now()).length;
        const query = {manifest: true, others: known < ENOUGH_PROVIDERS ? MAX_OTHERS : 0};
        this.ask(peer.toString(), query, AbortSignal.timeout(EXCHANGE_TIMEOUT_MS)).catch(() => undefined);
      },
      onDisconnect: (peer) => void this.#peers.delete(peer.toString()),
    });
  }

  async #onManifest(bytes: Uint8Array, author: string, now: number): Promise<Verdict> {
    const verdict = await this.intake.manifest(bytes, author, now);
    if (verdict === 'accept') for (const listener of this.#manifestListeners) listener();
    return verdict;
  }

  async #onRequest(bytes: Uint8Array, author: string, now: number): Promise<Verdict> {
    const {verdict, request} = await this.intake.request(bytes, {from: author, by: 'gossip'}, now);
    if (request !== undefined && request.client !== this.node.peerId.toString()) {
      this.#answer(request).catch((error: unknown) => this.#log.debug({err: error}, 'a bid could not be delivered'));
    }
    return verdict;
  }

  /** Bids go over the connection to the client when there is one, else on the reply topic, since it may sit behind a NAT. */
  async #answer(request: RequestForQuote): Promise<void> {
    const reply = await this.answering?.(request);
    if (reply === undefined || (reply.bids ?? []).length === 0) return;
    if (this.isConnected(request.client)) {
      const signal = AbortSignal.timeout(EXCHANGE_TIMEOUT_MS);
      await exchange(this.node, this.names.bids, request.client, encodeQuery({offer: reply}), signal, false);
    } else if (this.node.getMultiaddrs().length === 0) {
      // An offer of a provider that nobody can dial, e.g. before its relay has granted a slot, only misleads.
    } else if (request.replyTopic === this.names.bidTopic && this.#ownBidRate.take(1, Date.now())) {
      await this.publish(this.names.bidTopic, encodeReply({...reply, client: request.client}));
    }
  }

  async #onBidTopic(bytes: Uint8Array, author: string, now: number): Promise<Verdict> {
    if (bytes.byteLength > MAX_MARKET_MESSAGE_BYTES) return 'reject';
    let reply: MarketReply;
    try {
      reply = decodeReply(bytes);
    } catch {
      return 'reject';
    }
    const {verdict, offers} = await this.intake.gossipedReply(reply, author, now);
    if (offers.length > 0) await this.#tell(offers);
    return verdict;
  }

  #onStream(stream: Stream, connection: Connection): void {
    const peer = connection.remotePeer;
    const outgoing: Uint8Array[] = [];
    let asked = false;
    const link = new StreamLink(stream, MAX_MARKET_MESSAGE_BYTES, {
      message: (bytes) => {
        // One question per stream.
        if (asked) return;
        asked = true;
        clearTimeout(timer);
        const reply = this.#queryRates.take(peer.toString(), 1, Date.now())
          ? this.#onQuery(bytes, peer)
          : Promise.resolve({refusal: 'RATE', retryAfterMs: 1_000});
        reply
          .then((fields) => {
            if (fields !== undefined) outgoing.push(encodeFrame(encodeReply(fields)));
            return link.close();
          })
          .catch((error: unknown) => link.abort(error instanceof Error ? error : new Error('a question failed')));
      },
      outgoing: () => outgoing.splice(0),
      closed: () => clearTimeout(timer),
    });
    const timer = setTimeout(() => link.abort(new Error('no question came')), QUESTION_TIMEOUT_MS).unref();
  }

  async #onQuery(bytes: Uint8Array, peer: PeerId): Promise<MarketReplyFields | undefined> {
    const query = decodeQuery(bytes);
    if (query.offer !== undefined) {
      await this.#take(query.offer, peer.toString());
      return undefined;
    }
    const others = this.intake.manifests.sealed(
      query.model,
      {count: Math.min(query.others, MAX_OTHERS), bytes: MAX_OTHERS_BYTES},
      Date.now(),
    );
    return {...(await this.#own(query, peer.toString())), others};
  }

  /** What this node itself offers, if it is a provider. */
  async #own({requestForQuote}: MarketQuery, from: string): Promise<MarketReplyFields | undefined> {
    if (this.answering === undefined) return {refusal: 'NOT_A_PROVIDER'};
    if (requestForQuote.byteLength === 0) return this.answering(undefined);
    const {request} = await this.intake.request(requestForQuote, {from, by: 'stream'}, Date.now());
    return request === undefined ? {refusal: 'NOT_READABLE'} : this.answering(request);
  }

  async #take(reply: MarketReply, from: string): Promise<Offer[]> {
    const {offers} = await this.intake.reply(reply, from, Date.now());
    if (offers.length > 0) await this.#tell(offers);
    if (reply.others.length > 0) for (const listener of this.#manifestListeners) listener();
    return offers;
  }

  async #tell(offers: readonly Offer[]): Promise<void> {
    const [first] = offers;
    const self = this.node.peerId.toString();
    if (first !== undefined && first.provider !== self) await rememberAddresses(this.node, first.manifest);
    for (const listener of this.#listeners) listener(offers);
  }
}

const VERDICTS: Readonly<Record<Verdict, TopicValidatorResult>> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
};
