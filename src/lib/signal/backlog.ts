import type {SignalLimits} from './limits.ts';

/** What all connections together have waiting to be read by their clients. */
export class Backlog {
  readonly #limits: Pick<SignalLimits, 'waitingBytes' | 'waitingBytesTotal'>;
  #bytes = 0;

  constructor(limits: Pick<SignalLimits, 'waitingBytes' | 'waitingBytesTotal'>) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The part of one connection. */
  share(): BacklogShare {
    let own = 0;
    return {
      take: (bytes) => {
        const {waitingBytes, waitingBytesTotal} = this.#limits;
        if (own + bytes > waitingBytes || this.#bytes + bytes > waitingBytesTotal) return false;
        own += bytes;
        this.#bytes += bytes;
        return true;
      },
      give: (bytes = own) => {
        const given = Math.min(bytes, own);
        own -= given;
        this.#bytes -= given;
      },
    };
  }
}

export interface BacklogShare {
  /** False when it would be more than this connection, or all together, may have. */
  take(bytes: number): boolean;
  /** Sent, or dropped; without a number, everything. */
  give(bytes?: number): void;
}
