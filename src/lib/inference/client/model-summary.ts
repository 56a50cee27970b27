import type {Manifest} from '../../records/manifest.ts';
import type {ModelSummary} from './infer-types.ts';

/** The models of all manifests, those of one name and file together, by name. */
export function summarise(manifests: readonly Manifest[]): ModelSummary[] {
  const models = new Map<string, ModelSummary>();
  for (const {peerId, models: offered, load} of manifests) {
    for (const {name, digest, quantisation, contextTokens, priceIn, priceOut, slots} of offered) {
      const key = `${name} ${digest ?? ''}`;
      const before = models.get(key);
      models.set(key, {
        name,
        ...(digest !== undefined && {digest}),
        ...(quantisation !== undefined && {quantisation}),
        contextTokens: Math.max(contextTokens, before?.contextTokens ?? 0),
        priceIn: least(priceIn, before?.priceIn),
        priceOut: least(priceOut, before?.priceOut),
        providers: [...(before?.providers ?? []), peerId],
        active: load.active + (before?.active ?? 0),
        slots: slots + (before?.slots ?? 0),
      });
    }
  }
  return [...models.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function least(price: bigint, before: bigint | undefined): bigint {
  return before === undefined || price < before ? price : before;
}
