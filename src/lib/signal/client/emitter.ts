import type {SignalEvents, SignalListener} from '../../records/signal-message.ts';

type Name = keyof SignalEvents;

/** The listeners of one channel. */
export class Emitter {
  readonly #listeners: {[K in Name]: Set<SignalListener<K>>} = {
    message: new Set(),
    presence: new Set(),
    problem: new Set(),
    status: new Set(),
  };

  on<K extends Name>(event: K, listener: SignalListener<K>): () => void {
    this.#listeners[event].add(listener);
    return () => void this.#listeners[event].delete(listener);
  }

  emit<K extends Name>(event: K, value: SignalEvents[K]): void {
    for (const listener of this.#listeners[event]) listener(value);
  }
}
