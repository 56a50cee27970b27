import {createHash} from 'node:crypto';

import {QuiverError} from '../../core/errors.ts';
import {TokenBuckets} from '../../core/token-bucket.ts';
import {openBid} from '../../records/bid.ts';
import type {Network} from '../../records/eip712.ts';
import type {MarketReply} from '../../records/gen/frames_pb.js';
import {openManifest} from '../../records/manifest.ts';
import type {Manifest} from '../../records/manifest.ts';
import {openRequestForQuote} from '../../records/request-for-quote.ts';
import type {RequestForQuote} from '../../records/request-for-quote.ts';
import {sameAddress, sameNetwork} from '../../records/struct-codec.ts';
import {BidBook} from './bid-book.ts';
import type {Offer} from './bid-book.ts';
import {ManifestTable} from './manifest-table.ts';
import {SeenSet} from './seen.ts';

/** What gossip does with a message: pass it on, drop it, or drop it and think worse of who sent it. */
export type Verdict = 'accept' | 'ignore' | 'reject';

/** Bids in one reply; a provider with more models sends those that were asked for. */
export const MAX_BIDS_PER_REPLY = 16;
/** Manifests of others in one reply. */
export const MAX_OTHERS = 32;
/** Strangers whose rate is remembered; the one that has been quiet longest is forgotten first. */
export const MAX_RATED_PEERS = 4_096;
/** Announcements of one provider: the gossip round is 60 s, with some room for changes of its models. */
const MANIFEST_RATE = {perSecond: 0.2, burst: 6};
/** Requests-for-quote of one client: a busy gateway has live bids and seldom asks. */
const REQUEST_RATE = {perSecond: 5, burst: 20};
/** Replies of one provider on the bid topic: clients that it is connected to get theirs over the connection. */
export const BID_RATE = {perSecond: 20, burst: 60};
const SEEN_REQUESTS = 4_096;
const SEEN_MANIFESTS = 4_096;
/** Refusals worth telling the user of, e.g. a provider's clock; the last few are enough. */
const MAX_FAULTS = 64;

/** The market's memory of strangers' records: nothing gets in that is not signed, alive and of our network. */
export class Intake {
  readonly manifests = new ManifestTable();
  readonly bids = new BidBook();
  /** Providers whose records could not be used, with the reason. */
  readonly faults = new Map<string, {error: QuiverError; at: number}>();
  readonly #network: Network;
  readonly #manifestRates = new TokenBuckets(MANIFEST_RATE, MAX_RATED_PEERS);
  readonly #requestRates = new TokenBuckets(REQUEST_RATE, MAX_RATED_PEERS);
  readonly #bidRates = new TokenBuckets(BID_RATE, MAX_RATED_PEERS);
  readonly #requests = new SeenSet(SEEN_REQUESTS);
  readonly #handedOn = new SeenSet(SEEN_MANIFESTS);

  constructor(network: Network) {
    this.#network = network;
  }

  /** A manifest by gossip, which only its provider publishes; `author` is who signed the gossip message. */
  async manifest(bytes: Uint8Array, author: string, now: number): Promise<Verdict> {
    // Before any signature is looked at: a flood has to cost its sender more than us.
    if (!this.#manifestRates.take(author, 1, now)) return 'ignore';
    try {
      const manifest = await openManifest(bytes, {now});
      if (manifest.peerId !== author) return 'reject';
      if (!sameNetwork(manifest.network, this.#network)) return 'ignore';
      // One that is known already may be new to others.
      return this.manifests.put(manifest, bytes, now) === 'old' ? 'ignore' : 'accept';
    } catch (error) {
      return verdictOf(error);
    }
  }

  /**
   * A request-for-quote from its own client, who has signed the gossip message or is at the other end of the stream,
   * and within that client's rate. What came by gossip is given once.
   */
  async request(
    bytes: Uint8Array,
    {from, by}: {from: string; by: 'gossip' | 'stream'},
    now: number,
  ): Promise<{verdict: Verdict; request?: RequestForQuote}> {
    if (!this.#requestRates.take(from, 1, now)) return {verdict: 'ignore'};
    try {
      const request = await openRequestForQuote(bytes, {now});
      if (request.client !== from) return {verdict: 'reject'};
      if (!sameNetwork(request.network, this.#network) || request.deadline <= now) return {verdict: 'ignore'};
      const id = `${request.client} ${Buffer.from(request.id).toString('hex')}`;
      if (by === 'gossip' && !this.#requests.add(id)) return {verdict: 'ignore'};
      return {verdict: 'accept', request};
    } catch (error) {
      return {verdict: verdictOf(error)};
    }
  }

  /** A reply on the bid topic; `author` is who signed the gossip message. */
  async gossipedReply(reply: MarketReply, author: string, now: number): Promise<{verdict: Verdict; offers: Offer[]}> {
    if (!this.#bidRates.take(author, 1, now)) return {verdict: 'ignore', offers: []};
    return this.#reply(reply, author, now);
  }

  /** What a peer says over a connection of its own: of itself, and manifests of others. */
  async reply(reply: MarketReply, from: string, now: number): Promise<{verdict: Verdict; offers: Offer[]}> {
    await this.#others(reply.others, now);
    return this.#reply(reply, from, now);
  }

  /** A provider's manifest and bids. Nothing of a reply with a bad part is kept. */
  async #reply(reply: MarketReply, from: string, now: number): Promise<{verdict: Verdict; offers: Offer[]}> {
    try {
      if (reply.manifest.byteLength === 0) return {verdict: 'ignore', offers: []};
      if (reply.bids.length > MAX_BIDS_PER_REPLY) return {verdict: 'reject', offers: []};
      const manifest = await openManifest(reply.manifest, {now});
      if (manifest.peerId !== from) return {verdict: 'reject', offers: []};
      if (!sameNetwork(manifest.network, this.#network)) return {verdict: 'ignore', offers: []};
      const offers = reply.bids.map((bytes) => this.#offer(bytes, manifest, now));
      this.faults.delete(manifest.peerId);
      this.manifests.put(manifest, reply.manifest, now);
      for (const offer of offers) this.bids.put(offer, now);
      return {verdict: 'accept', offers};
    } catch (error) {
      if (error instanceof QuiverError) this.#fault(from, error, now);
      return {verdict: verdictOf(error), offers: []};
    }
  }

  /** Manifests that a peer hands on; what is wrong with one says nothing of the peer or of the others. */
  async #others(sealed: readonly Uint8Array[], now: number): Promise<void> {
    for (const bytes of sealed.slice(0, MAX_OTHERS)) {
      // Everybody hands on the same few; a signature is checked once.
      if (!this.#handedOn.add(createHash('sha256').update(bytes).digest('base64'))) continue;
      try {
        const manifest = await openManifest(bytes, {now});
        if (sameNetwork(manifest.network, this.#network)) this.manifests.put(manifest, bytes, now);
      } catch (error) {
        if (!(error instanceof QuiverError)) throw error;
      }
    }
  }

  /** Forgets a provider that is gone or lied. */
  drop(provider: string): void {
    this.manifests.drop(provider);
    this.bids.dropProvider(provider);
  }

  #offer(bytes: Uint8Array, manifest: Manifest, now: number): Offer {
    const signed = openBid(bytes, {now});
    const {bid} = signed;
    const same =
      bid.provider === manifest.peerId &&
      sameAddress(bid.paymentAddress, manifest.paymentAddress) &&
      sameNetwork(bid.network, this.#network);
    if (!same) throw foreignBid();
    return {provider: bid.provider, signed, manifest};
  }

  #fault(provider: string, error: QuiverError, at: number): void {
    this.faults.delete(provider);
    this.faults.set(provider, {error, at});
    if (this.faults.size > MAX_FAULTS) this.faults.delete(this.faults.keys().next().value ?? '');
  }
}

function foreignBid(): QuiverError {
  return new QuiverError({
    code: 'RECORD_INVALID',
    message: 'The bid is not valid: its provider, payment address or network is not that of the manifest beside it.',
    fix: 'Ask another provider.',
  });
}

/** A record that has ended or comes from a wrong clock is nobody's attack. */
function verdictOf(error: unknown): Verdict {
  if (!(error instanceof QuiverError)) throw error;
  return error.code === 'RECORD_EXPIRED' || error.code === 'CLOCK' ? 'ignore' : 'reject';
}
