import type {PeerId} from '@libp2p/interface';

export interface CircuitCaps {
  /** Circuits open at once. */
  maxCircuits: number;
  /** Circuits that one peer has open to others at once. */
  maxCircuitsPerPeer: number;
}

export type CircuitRefusal = 'full' | 'peer_full';

/** How many circuits are open on a relay, and by whom. */
export class Circuits {
  readonly #caps: CircuitCaps;
  /** Source peer to its open circuits; only those with any, so it is bounded by `maxCircuits`. */
  readonly #bySource = new Map<string, number>();
  #open = 0;

  constructor(caps: CircuitCaps) {
    this.#caps = caps;
  }

  get size(): number {
    return this.#open;
  }

  /** Why `source` may not open one more; undefined if it may. */
  refusal(source: PeerId): CircuitRefusal | undefined {
    if (this.#open >= this.#caps.maxCircuits) return 'full';
    return this.#of(source.toString()) >= this.#caps.maxCircuitsPerPeer ? 'peer_full' : undefined;
  }

  /** Counts one more; to be called back when it has ended. */
  open(source: PeerId): () => void {
    const key = source.toString();
    this.#open += 1;
    this.#bySource.set(key, this.#of(key) + 1);
    return () => {
      this.#open -= 1;
      const left = this.#of(key) - 1;
      if (left > 0) this.#bySource.set(key, left);
      else this.#bySource.delete(key);
    };
  }

  #of(key: string): number {
    return this.#bySource.get(key) ?? 0;
  }
}
