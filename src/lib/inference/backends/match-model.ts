/** The tag that Ollama gives to a model whose name has none; people leave it out. */
const DEFAULT_TAG = ':latest';

/**
 * Finds the model that a user means: the exact name, else the same name with `:latest` added or left out.
 * Returns undefined when there is none. An empty name means the only model, if there is just one.
 */
export function matchModel<Model extends {name: string}>(name: string, models: readonly Model[]): Model | undefined {
  if (name === '') return models.length === 1 ? models[0] : undefined;
  const bare = (full: string): string => (full.endsWith(DEFAULT_TAG) ? full.slice(0, -DEFAULT_TAG.length) : full);
  return models.find((model) => model.name === name) ?? models.find((model) => bare(model.name) === bare(name));
}
