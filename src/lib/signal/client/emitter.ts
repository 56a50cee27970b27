import type {SignalEvents, SignalListener} from '../../records/signal-message.ts';

type Name = keyof SignalEvents;

/** Messages that wait for the first listener: an offer with its candidates, from several peers. */
const HELD_LIMIT = 512;

/** The listeners of one channel. Messages that come before anybody listens are kept for the first who does. */
export class Emitter {
  readonly #listeners: {[K in Name]: Set<SignalListener<K>>} = {
    message: new Set(),
    presence: new Set(),
    problem: new Set(),
    status: new Set(),
  };
  #held: SignalEvents['message'][] | undefined = [];

  on<K extends Name>(event: K, listener: SignalListener<K>): () => void {
    this.#listeners[event].add(listener);
    if (event === 'message') queueMicrotask(() => this.#release());
    return () => void this.#listeners[event].delete(listener);
  }

  emit<K extends Name>(event: K, value: SignalEvents[K]): void {
    if (event === 'message' && this.#held !== undefined) {
      if (this.#held.length < HELD_LIMIT) this.#held.push(value as SignalEvents['message']);
      return;
    }
    for (const listener of this.#listeners[event]) call(listener, value);
  }

  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const value of held) this.emit('message', value);
  }
}

/** What a listener throws is a fault of who listens; neither the connection nor other listeners suffer by it. */
function call<T>(listener: (value: T) => void, value: T): void {
  try {
    listener(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
