import type {QuiverError} from '../../core/errors.ts';
import {amountToText} from '../../core/units.ts';
import {noOffer, noPeers, noProvider, priceTooHigh, providerBusy, tooMuchAsked} from '../errors.ts';
import type {Finder} from '../market/finder.ts';
import type {MarketNode} from '../market/market-node.ts';
import type {AttemptFailure} from './attempt.ts';
import type {Plan} from './plan.ts';

/** A provider that refuses for its load names no time before it has been asked. */
const ASSUMED_BUSY_MS = 1_000;

/** How a request ended that nobody answers. */
export interface Failed {
  plan: Plan;
  /** How the last provider that was asked has failed. */
  last: AttemptFailure | undefined;
  /** What providers said instead of an offer in the last search. */
  refusals: ReadonlySet<string>;
  /** When it began, in ms since the epoch. */
  startedAt: number;
}

/** The one error that says most about why there is no answer. */
export function giveUp({plan, last, refusals, startedAt}: Failed, market: MarketNode, finder: Finder): QuiverError {
  if (last?.code === 'PROVIDER_BUSY' || last?.code === 'TOO_MANY_REQUESTS') return providerBusy(last.retryAfterMs);
  if (last !== undefined) return last.error;
  const {wish, question} = plan;
  const serving = finder.serving(wish);
  if (question.maxCost !== undefined && (refusals.has('PRICE') || finder.live(wish).length > 0)) {
    return priceTooHigh(`No provider answers ${wish.maxTokens} tokens for ${amountToText(question.maxCost)} QUIV`);
  }
  if (refusals.has('BUSY') || refusals.has('RATE')) return providerBusy(ASSUMED_BUSY_MS);
  if (refusals.has('LIMITS')) return tooMuchAsked();
  const fault = [...market.intake.faults.values()].find(({at}) => at >= startedAt);
  if (fault !== undefined) return fault.error;
  if (serving.length > 0) return noOffer(wish.model, serving.length);
  const names = finder.serving({...wish, model: ''}).flatMap(({models}) => models.map(({name}) => name));
  if (names.length === 0 && market.node.getConnections().length === 0)
    return noPeers(market.node.services.rejoin.peers());
  return noProvider(wish.model, [...new Set(names)].toSorted());
}
