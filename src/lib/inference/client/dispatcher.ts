import {QuiverError} from '../../core/errors.ts';
import {cancelled} from '../errors.ts';
import type {Offer} from '../market/bid-book.ts';
import type {Intake} from '../market/intake.ts';
import {attempt, AttemptFailure} from './attempt.ts';
import type {Outcome, Piece, Question} from './attempt.ts';
import type {LinkPool} from './link-pool.ts';
import type {Runner} from './race.ts';
import type {ReceiptBook} from './receipt-book.ts';
import type {Standing} from './standing.ts';

export interface DispatcherOptions {
  intake: Intake;
  links: LinkPool;
  standing: Standing;
  book: ReceiptBook;
}

/** Puts questions to providers, and remembers how each has done. */
export class Dispatcher {
  readonly #options: DispatcherOptions;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** One provider on the question; nothing is sent before its first piece is asked for. */
  runner(offer: Offer, question: Question, signal: AbortSignal): Runner {
    const abort = new AbortController();
    const pieces = this.#answer(offer, question, AbortSignal.any([signal, abort.signal]));
    return {offer, pieces, cancel: () => abort.abort('no longer wanted')};
  }

  async *#answer(offer: Offer, question: Question, signal: AbortSignal): AsyncGenerator<Piece, Outcome> {
    const {standing} = this.#options;
    const {provider} = offer;
    const since = performance.now();
    standing.begin(provider);
    let started = false;
    try {
      const pieces = this.#ask(offer, question, signal);
      try {
        for (;;) {
          const next = await pieces.next();
          if (next.done === true) {
            standing.succeeded(provider);
            return next.value;
          }
          if (!started) standing.firstToken(provider, performance.now() - since);
          started = true;
          yield next.value;
        }
      } finally {
        await pieces.return(undefined as never);
      }
    } catch (error) {
      if (error instanceof AttemptFailure) this.#learn(offer, error);
      throw error;
    } finally {
      standing.done(provider);
    }
  }

  async *#ask(offer: Offer, question: Question, signal: AbortSignal): AsyncGenerator<Piece, Outcome> {
    const {links, book} = this.#options;
    const link = await links.get(offer.provider, signal).catch((error: unknown) => {
      if (signal.aborted) throw new AttemptFailure(cancelled(signal.reason), 'cancelled');
      throw error instanceof QuiverError ? new AttemptFailure(error, 'failed') : error;
    });
    return yield* attempt(link, offer, question, book, signal);
  }

  #learn({provider, signed}: Offer, {what, code, retryAfterMs}: AttemptFailure): void {
    const {standing, intake} = this.#options;
    if (what === 'cancelled') return;
    if (code === 'BID_UNKNOWN') return intake.bids.drop(provider, signed.bid.model);
    standing.setBack(provider, what, Date.now(), retryAfterMs);
    if (what === 'lied' || code === 'PROVIDER_UNREACHABLE' || code === 'PROVIDER_DRAINING') intake.drop(provider);
    else if (what === 'failed') intake.bids.dropProvider(provider);
  }
}
