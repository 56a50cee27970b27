import type {BackendModel} from '../../backend.ts';
import {modelNotFound} from '../errors.ts';
import {matchModel} from '../match-model.ts';

/** No back end serves so many; what comes beyond is somebody's mistake. */
export const MAX_MODELS = 256;

/** The models of a back end as last seen: requests are checked against it, since some servers answer to any name. */
export class ModelList {
  readonly #load: (signal: AbortSignal) => Promise<BackendModel[]>;
  #models: BackendModel[] = [];

  constructor(load: (signal: AbortSignal) => Promise<BackendModel[]>) {
    this.#load = load;
  }

  async refresh(signal: AbortSignal): Promise<BackendModel[]> {
    this.#models = (await this.#load(signal)).slice(0, MAX_MODELS);
    return this.#models;
  }

  /** The model meant by a name; looks again before it says that there is none. */
  async find(name: string, signal: AbortSignal): Promise<BackendModel> {
    const found = matchModel(name, this.#models) ?? matchModel(name, await this.refresh(signal));
    if (found === undefined) {
      throw modelNotFound(
        name,
        this.#models.map((model) => model.name),
      );
    }
    return found;
  }
}
