import {matchModel} from '../backends/match-model.ts';

/** A model as a provider offers it. */
export interface OfferedModel {
  name: string;
  /** Empty or absent when unknown. */
  digest?: string;
}

/**
 * The model of a list that `wanted` means: a digest, a name with or without its `:latest`; empty takes the first.
 */
export function findModel<M extends OfferedModel>(wanted: string, models: readonly M[]): M | undefined {
  if (wanted === '') return models[0];
  if (isDigest(wanted)) return models.find(({digest}) => digest === wanted);
  return matchModel(wanted, models);
}

export function isDigest(wanted: string): boolean {
  return /^(?:sha256|ollama):[0-9a-f]{64}$/.test(wanted);
}
