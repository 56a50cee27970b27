import type {TokenLogprob} from '../../backend.ts';

/** Probabilities in single precision underflow to 0; JSON has no -Infinity. */
const LOWEST_LOGPROB = -104;

/**
 * Log-probabilities in the model's own distribution, from those after sampling at `temperature` over the whole
 * vocabulary: p_T is proportional to exp(logit / T), so that p is proportional to p_T ** T. Greedy sampling (0) leaves
 * them as they are.
 */
export function rawLogprobs(
  token: number,
  probabilities: ReadonlyMap<number, number>,
  temperature: number,
  top: number,
): TokenLogprob {
  const power = temperature > 0 ? temperature : 1;
  let total = 0;
  for (const probability of probabilities.values()) total += probability ** power;
  const logOfTotal = Math.log(total);
  const logprobOf = (probability: number): number =>
    Math.max(LOWEST_LOGPROB, power * Math.log(probability) - logOfTotal);
  // The map comes sorted, likeliest first.
  const best = [...probabilities.entries().take(top)];
  return {
    tokenId: token,
    logprob: logprobOf(probabilities.get(token) ?? 0),
    top: best.map(([tokenId, probability]) => ({tokenId, logprob: logprobOf(probability)})),
  };
}
