import {pause} from '../../core/pause.ts';
import type {MarketNode} from './market-node.ts';
import {rememberAddresses} from './rendezvous.ts';

/** Providers asked at the same time; the announcement reaches the others. */
const MAX_ASKED = 6;
/** Who has not answered for so long no longer keeps others from being asked; the answer still counts when it comes. */
const SLOW_MS = 3_000;
/** Who can't be reached is tried so often in all: a machine out of breath, or a provider that is being restarted. */
const MAX_TRIES = 3;
const RETRY_MS = 500;

export interface InquiryOptions {
  market: MarketNode;
  /** The request for quote. */
  sealed: Uint8Array;
  /** Whom there is no point in asking. */
  useless: (provider: string) => boolean;
  /** Has a deadline; a provider may take until then. */
  signal: AbortSignal;
}

/** One request for quote that is put to provider after provider, a few at a time, until each has answered. */
export class Inquiry {
  /** What was said instead of an offer: BUSY, PRICE, … */
  readonly refusals = new Set<string>();
  readonly #options: InquiryOptions;
  readonly #asked = new Set<string>();
  readonly #running = new Set<Promise<void>>();
  readonly #waiting: string[] = [];
  #busy = 0;

  constructor(options: InquiryOptions) {
    this.#options = options;
  }

  /** Asks a provider as soon as it is its turn. */
  add(provider: string): void {
    if (this.#asked.has(provider) || this.#options.useless(provider)) return;
    this.#asked.add(provider);
    this.#waiting.push(provider);
    this.#next();
  }

  /** Resolves once everybody added so far, and meanwhile, has answered or failed. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #next(): void {
    if (this.#busy >= MAX_ASKED || this.#options.signal.aborted) return;
    const provider = this.#waiting.shift();
    if (provider === undefined) return;
    this.#busy += 1;
    let held = true;
    const letNext = (): void => {
      if (!held) return;
      held = false;
      this.#busy -= 1;
      this.#next();
    };
    const slow = setTimeout(letNext, SLOW_MS).unref();
    const asking = this.#ask(provider).finally(() => {
      clearTimeout(slow);
      letNext();
      this.#running.delete(asking);
    });
    this.#running.add(asking);
  }

  async #ask(provider: string): Promise<void> {
    const {market, sealed, signal} = this.#options;
    for (let tries = 1; !signal.aborted; tries += 1) {
      try {
        const manifest = market.intake.manifests.get(provider, Date.now());
        const remote = provider !== market.node.peerId.toString();
        if (manifest !== undefined && remote) await rememberAddresses(market.node, manifest);
        const {refusal} = await market.ask(provider, {requestForQuote: sealed}, signal);
        if (refusal !== '') this.refusals.add(refusal);
        return;
      } catch {
        if (tries === MAX_TRIES) return;
        await pause(RETRY_MS, signal, {ref: false});
      }
    }
  }
}
