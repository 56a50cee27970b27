import {costOf, PRICE_UNIT_TOKENS} from '../../records/receipt.ts';
import {QuiverError} from '../../core/errors.ts';
import {amountToText} from '../../core/units.ts';
import {cancelled, deadlinePassed, noPeers, noProvider, priceTooHigh, providerBusy} from '../errors.ts';
import {FIRST_TOKEN_TIMEOUT_MS, MAX_RETRIES, TOKEN_GAP_TIMEOUT_MS, TOTAL_TIMEOUT_MS} from '../limits.ts';
import type {Offer} from '../market/bid-book.ts';
import type {Finder, Wish} from '../market/finder.ts';
import type {MarketNode} from '../market/market-node.ts';
import type {Deadlines} from '../wire/client-session.ts';
import {promptBytes} from '../wire/frames.ts';
import {attempt, AttemptFailure} from './attempt.ts';
import type {Outcome, Piece, Question} from './attempt.ts';
import {chooseProvider} from './choose.ts';
import {chosen, finished, Trace} from './infer-events.ts';
import type {InferEvent, InferRequest} from './infer-types.ts';
import type {LinkPool} from './link-pool.ts';
import {firstAnswer} from './race.ts';
import type {Runner} from './race.ts';
import type {ReceiptBook} from './receipt-book.ts';
import type {Standing} from './standing.ts';

const DEFAULT_MAX_TOKENS = 1_024;
/** Providers that see a prompt that is broadcast. */
const MAX_BROADCAST = 16;
/** A prompt of so many bytes is surely no more tokens than this fraction of them, for the price. */
const BYTES_PER_TOKEN = 2;

export interface InferenceClientOptions {
  market: MarketNode;
  finder: Finder;
  links: LinkPool;
  standing: Standing;
  book: ReceiptBook;
}

/** Asks the network: finds offers, chooses, asks, goes to the next provider while nothing has been shown yet. */
export class InferenceClient {
  readonly #options: InferenceClientOptions;
  readonly #settling = new Set<Promise<unknown>>();

  constructor(options: InferenceClientOptions) {
    this.#options = options;
  }

  /** Throws QuiverError: NO_PEERS, NO_PROVIDER_FOR_MODEL, PRICE_TOO_HIGH, PROVIDER_BUSY, DEADLINE_…, PROVIDER_LOST, … */
  async *infer(request: InferRequest, signal: AbortSignal): AsyncGenerator<InferEvent, void> {
    const since = performance.now();
    const startedAt = Date.now();
    const {maxTokens = DEFAULT_MAX_TOKENS, temperature = 0, model = '', maxPrice} = request;
    const question: Question = {
      messages: request.messages,
      maxTokens,
      temperature,
      ...(request.seed === undefined ? {} : {seed: request.seed}),
      ...(request.stop === undefined ? {} : {stop: request.stop}),
      maxCost: maxPrice,
      deadlines: {
        firstTokenMs: FIRST_TOKEN_TIMEOUT_MS,
        tokenGapMs: TOKEN_GAP_TIMEOUT_MS,
        totalMs: TOTAL_TIMEOUT_MS,
        ...request.deadlines,
      },
    };
    const wish: Wish = {
      model,
      maxTokens,
      promptBytes: promptBytes(question),
      ...(maxPrice !== undefined && {maxPriceOut: (maxPrice * PRICE_UNIT_TOKENS) / BigInt(maxTokens)}),
    };
    const trace = new Trace(request.trace === true, since);
    const tried = new Set<string>();
    let last: AttemptFailure | undefined;
    for (let round = 1; round <= 1 + MAX_RETRIES; round += 1) {
      const offers = await this.#offers(wish, {...request, deadlines: question.deadlines}, tried, signal, trace);
      yield* trace.take();
      if (offers.length === 0) break;
      const runners = offers.map((offer) => this.#runner(offer, question, signal));
      const answer = firstAnswer(runners, request.broadcast === true, (rest) => this.#settle(rest));
      let shown = false;
      try {
        for await (const event of this.#events(answer, {offers, round, since})) {
          shown ||= event.event === 'token';
          yield event;
        }
        return;
      } catch (error) {
        if (!(error instanceof AttemptFailure)) throw error;
        if (shown || error.what === 'cancelled' || signal.aborted) throw error.error;
        last = error;
        for (const offer of offers) {
          trace.note(`did not answer: ${error.code}`, offer.provider);
          // An offer that has lapsed is asked for anew, of the same provider too.
          if (error.code === 'BID_UNKNOWN')
            this.#options.market.intake.bids.drop(offer.provider, offer.signed.bid.model);
          else tried.add(offer.provider);
        }
      }
    }
    throw this.#giveUp(wish, maxPrice, last, startedAt);
  }

  /** Resolves once nothing is cancelled any more whose receipt may still come. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#settling);
  }

  #settle(rest: Promise<unknown>): void {
    this.#settling.add(rest);
    void rest.finally(() => this.#settling.delete(rest));
  }

  /** One answer as events; who gives it is known before its first token if only one was asked. */
  async *#events(
    answer: AsyncGenerator<{piece: Piece; offer: Offer}, Outcome>,
    {offers, round, since}: {offers: readonly Offer[]; round: number; since: number},
  ): AsyncGenerator<InferEvent, void> {
    const [only, second] = offers;
    let announced = false;
    let firstTokenMs: number | undefined;
    if (only !== undefined && second === undefined) {
      announced = true;
      yield chosen(only, round);
    }
    try {
      for (;;) {
        const next = await answer.next();
        if (!announced) yield chosen(next.value.offer, round);
        announced = true;
        if (next.done === true) {
          yield* finished(next.value, firstTokenMs, since);
          return;
        }
        firstTokenMs ??= performance.now() - since;
        yield {event: 'token', ...next.value.piece};
      }
    } finally {
      await answer.return(undefined as never);
    }
  }

  /** What is asked this round: one provider, several for a race, all for a broadcast. */
  async #offers(
    wish: Wish,
    {race = 1, broadcast = false, maxPrice, deadlines}: InferRequest & {deadlines: Deadlines},
    tried: ReadonlySet<string>,
    signal: AbortSignal,
    trace: Trace,
  ): Promise<Offer[]> {
    const {finder, market, standing} = this.#options;
    const count = broadcast ? MAX_BROADCAST : Math.max(1, race);
    const fit = (offers: readonly Offer[]): Offer[] => {
      const now = Date.now();
      return offers.filter(
        ({provider, signed}) =>
          !tried.has(provider) && !standing.banned(provider, now) && affordable(signed.bid, wish, maxPrice),
      );
    };
    let offers = fit(finder.live(wish));
    const known = market.intake.manifests.serving(wish.model, Date.now()).length;
    if (offers.length === 0 || (count > offers.length && known > offers.length)) {
      trace.note('asking the network for offers');
      const searching = AbortSignal.any([signal, AbortSignal.timeout(deadlines.totalMs)]);
      const found = await finder.search(wish, searching, {except: tried, all: count > 1}).catch((error: unknown) => {
        if (signal.aborted) throw cancelled(signal.reason);
        throw searching.aborted ? deadlinePassed('total', deadlines.totalMs) : error;
      });
      offers = fit(found);
    }
    for (const {provider, signed} of offers) {
      trace.note(
        `offers ${signed.bid.model} at ${amountToText(signed.bid.priceOut)} QUIV per 1,000 tokens, first token in ${signed.bid.firstTokenMs} ms`,
        provider,
      );
    }
    return pick(offers, count, standing);
  }

  #runner(offer: Offer, question: Question, signal: AbortSignal): Runner {
    const abort = new AbortController();
    const pieces = this.#attempt(offer, question, AbortSignal.any([signal, abort.signal]));
    return {offer, pieces, cancel: () => abort.abort('no longer wanted')};
  }

  async *#attempt(offer: Offer, question: Question, signal: AbortSignal): AsyncGenerator<Piece, Outcome> {
    const {links, standing, book} = this.#options;
    const {provider} = offer;
    standing.begin(provider);
    const since = performance.now();
    let started = false;
    try {
      const link = await links.get(provider, signal).catch((error: unknown) => {
        if (signal.aborted) throw new AttemptFailure(cancelled(signal.reason), 'cancelled');
        throw error instanceof QuiverError ? new AttemptFailure(error, 'failed') : error;
      });
      const run = attempt(link, offer, question, book, signal);
      try {
        for (;;) {
          const next = await run.next();
          if (next.done === true) {
            standing.succeeded(provider);
            return next.value;
          }
          if (!started) standing.firstToken(provider, performance.now() - since);
          started = true;
          yield next.value;
        }
      } finally {
        await run.return(undefined as never);
      }
    } catch (error) {
      if (error instanceof AttemptFailure) this.#learn(provider, error);
      throw error;
    } finally {
      standing.done(provider);
    }
  }

  #learn(provider: string, {what, code, retryAfterMs}: AttemptFailure): void {
    const {standing, market} = this.#options;
    if (what === 'cancelled') return;
    if (code !== 'BID_UNKNOWN') standing.setBack(provider, what, Date.now(), retryAfterMs);
    if (what === 'lied') market.intake.drop(provider);
    if (code === 'PROVIDER_UNREACHABLE' || code === 'PROVIDER_DRAINING') market.intake.drop(provider);
    if (what === 'failed') market.intake.bids.dropProvider(provider);
  }

  #giveUp(wish: Wish, maxPrice: bigint | undefined, last: AttemptFailure | undefined, startedAt: number): QuiverError {
    const {market} = this.#options;
    if (last?.code === 'PROVIDER_BUSY' || last?.code === 'TOO_MANY_REQUESTS') return providerBusy(last.retryAfterMs);
    if (last !== undefined) return last.error;
    const now = Date.now();
    const serving = market.intake.manifests.serving(wish.model, now);
    if (maxPrice !== undefined && serving.length > 0) {
      return priceTooHigh(`No provider answers ${wish.maxTokens} tokens for ${amountToText(maxPrice)} QUIV`);
    }
    const fault = [...market.intake.faults.values()].find(({at}) => at >= startedAt);
    if (fault !== undefined) return fault.error;
    const names = market.intake.manifests.all(now).flatMap(({models}) => models.map(({name}) => name));
    if (names.length === 0 && market.node.getConnections().length === 0) return noPeers();
    return noProvider(wish.model, [...new Set(names)].toSorted());
  }
}

function pick(offers: readonly Offer[], count: number, standing: Standing): Offer[] {
  const left = offers.map((offer) => {
    const {priceIn, priceOut, slotsFree, firstTokenMs} = offer.signed.bid;
    return {offer, provider: offer.provider, priceIn, priceOut, slotsFree, firstTokenMs};
  });
  const picked: Offer[] = [];
  while (picked.length < count) {
    const next = chooseProvider(left, standing, Date.now());
    if (next === undefined) break;
    picked.push(next.offer);
    left.splice(left.indexOf(next), 1);
  }
  return picked;
}

/** Whether even the longest answer stays within the limit. */
function affordable(bid: {priceIn: bigint; priceOut: bigint}, wish: Wish, maxPrice: bigint | undefined): boolean {
  if (maxPrice === undefined) return true;
  const tokensIn = Math.ceil(wish.promptBytes / BYTES_PER_TOKEN);
  return costOf({tokensIn, tokensOut: wish.maxTokens, priceIn: bid.priceIn, priceOut: bid.priceOut}) <= maxPrice;
}
