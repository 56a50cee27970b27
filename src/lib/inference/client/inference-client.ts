import {costOf} from '../../records/receipt.ts';
import {amountToText} from '../../core/units.ts';
import {cancelled, deadlinePassed} from '../errors.ts';
import {MAX_RETRIES} from '../limits.ts';
import type {Offer} from '../market/bid-book.ts';
import type {Finder} from '../market/finder.ts';
import type {MarketNode} from '../market/market-node.ts';
import {AttemptFailure} from './attempt.ts';
import type {Outcome, Piece} from './attempt.ts';
import {chooseOffers} from './choose.ts';
import {Dispatcher} from './dispatcher.ts';
import {giveUp} from './give-up.ts';
import {chosen, finished, Trace} from './infer-events.ts';
import type {InferEvent, InferRequest} from './infer-types.ts';
import type {LinkPool} from './link-pool.ts';
import {planOf} from './plan.ts';
import type {Plan} from './plan.ts';
import {firstAnswer} from './race.ts';
import type {ReceiptBook} from './receipt-book.ts';
import type {Standing} from './standing.ts';

/** A prompt of so many bytes is surely no more tokens than this fraction of them, for the price. */
const BYTES_PER_TOKEN = 2;

export interface InferenceClientOptions {
  market: MarketNode;
  finder: Finder;
  links: LinkPool;
  standing: Standing;
  book: ReceiptBook;
}

/** One request on its way. */
interface Journey {
  plan: Plan;
  signal: AbortSignal;
  /** When it began, by `performance.now()`. */
  since: number;
  /** Providers that have failed it. */
  tried: Set<string>;
  /** What the last search was told instead of an offer. */
  refusals: ReadonlySet<string>;
  trace: Trace;
}

/** Asks the network: finds offers, chooses, asks, goes to the next provider while nothing has been shown yet. */
export class InferenceClient {
  readonly #options: InferenceClientOptions;
  readonly #dispatcher: Dispatcher;
  readonly #settling = new Set<Promise<unknown>>();

  constructor(options: InferenceClientOptions) {
    const {market, links, standing, book} = options;
    this.#options = options;
    this.#dispatcher = new Dispatcher({intake: market.intake, links, standing, book});
  }

  /** Throws QuiverError with one of the codes in docs/protocol-stream.md. */
  async *infer(request: InferRequest, signal: AbortSignal): AsyncGenerator<InferEvent, void> {
    const {market, finder} = this.#options;
    const plan = planOf(request);
    const since = performance.now();
    const startedAt = Date.now();
    const trace = new Trace(request.trace === true, since);
    const journey: Journey = {plan, signal, since, tried: new Set(), refusals: new Set(), trace};
    let last: AttemptFailure | undefined;
    for (let round = 1; round <= 1 + MAX_RETRIES; round += 1) {
      const offers = await this.#offers(journey);
      yield* trace.take();
      if (offers.length === 0) break;
      try {
        return yield* this.#ask(offers, round, journey);
      } catch (error) {
        if (!(error instanceof AttemptFailure)) throw error;
        last = error;
        for (const {provider} of offers) {
          trace.note(`did not answer: ${error.code}`, provider);
          // An offer that has lapsed is asked for anew, of the same provider too.
          if (error.code !== 'BID_UNKNOWN') journey.tried.add(provider);
        }
      }
    }
    throw giveUp({plan, last, refusals: journey.refusals, startedAt}, market, finder);
  }

  /** Resolves once nothing is cancelled any more whose receipt may still come. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#settling);
  }

  /** What is asked this round: one provider, several for a race, all for a broadcast. */
  async #offers(journey: Journey): Promise<Offer[]> {
    const {plan, tried, trace} = journey;
    const {finder, standing} = this.#options;
    const fit = (offers: readonly Offer[]): Offer[] =>
      offers.filter(({provider, signed}) => !tried.has(provider) && affordable(signed.bid, plan));
    let offers = fit(finder.live(plan.wish));
    const known = finder.serving(plan.wish).length;
    if (offers.length === 0 || (plan.count > offers.length && known > offers.length)) {
      offers = fit(await this.#search(journey));
    }
    for (const {provider, signed} of offers) {
      const {model, priceOut, firstTokenMs} = signed.bid;
      const price = `${amountToText(priceOut)} QUIV per 1,000 tokens`;
      trace.note(`offers ${model} at ${price}, first token in ${firstTokenMs} ms`, provider);
    }
    return chooseOffers(offers, plan.count, standing);
  }

  async #search(journey: Journey): Promise<Offer[]> {
    const {plan, signal, tried, trace} = journey;
    const {firstTokenMs: patienceMs, totalMs} = plan.question.deadlines;
    trace.note('asking the network for offers');
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), Math.max(0, totalMs - spent(journey)));
    const options = {except: tried, count: plan.count, patienceMs};
    try {
      const found = await this.#options.finder.search(plan.wish, AbortSignal.any([signal, late.signal]), options);
      journey.refusals = found.refusals;
      return found.offers;
    } catch (error) {
      if (signal.aborted) throw cancelled(signal.reason);
      throw late.signal.aborted ? deadlinePassed('total', totalMs) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Throws `AttemptFailure` as long as another provider may be asked. */
  async *#ask(offers: readonly Offer[], round: number, journey: Journey): AsyncGenerator<InferEvent, void> {
    const {plan, signal} = journey;
    const question = {...plan.question, spentMs: spent(journey)};
    const runners = offers.map((offer) => this.#dispatcher.runner(offer, question, signal));
    const answer = firstAnswer(runners, plan.whole, (rest) => this.#settle(rest));
    let shown = false;
    try {
      for await (const event of answerEvents(answer, offers, {round, since: journey.since})) {
        shown ||= event.event === 'token';
        yield event;
      }
    } catch (error) {
      const final = error instanceof AttemptFailure && (shown || error.what === 'cancelled' || signal.aborted);
      throw final ? error.error : error;
    }
  }

  #settle(rest: Promise<unknown>): void {
    this.#settling.add(rest);
    void rest.finally(() => this.#settling.delete(rest));
  }
}

/** One answer as events; who gives it is known before its first token if only one was asked. */
async function* answerEvents(
  answer: AsyncGenerator<{piece: Piece; offer: Offer}, Outcome>,
  [only, ...others]: readonly Offer[],
  {round, since}: {round: number; since: number},
): AsyncGenerator<InferEvent, void> {
  const single = others.length === 0 ? only : undefined;
  if (single !== undefined) yield chosen(single, round);
  let announced = single !== undefined;
  let firstTokenMs: number | undefined;
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

function spent({since}: Journey): number {
  return performance.now() - since;
}

/** Whether even the longest answer stays within the limit. */
function affordable(bid: {priceIn: bigint; priceOut: bigint}, {wish, question: {maxCost}}: Plan): boolean {
  if (maxCost === undefined) return true;
  const tokensIn = Math.ceil(wish.promptBytes / BYTES_PER_TOKEN);
  return costOf({tokensIn, tokensOut: wish.maxTokens, priceIn: bid.priceIn, priceOut: bid.priceOut}) <= maxCost;
}
