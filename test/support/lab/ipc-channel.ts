import type {
  OfferedIceServer,
  PeerState,
  SignalChannel,
  SignalEvents,
  SignalListener,
  SignalMessage,
  SignalPeer,
} from '../../../src/lib/records/signal-message.ts';

/** What goes between a station and the test that started it. */
export interface Signal {
  kind: 'signal';
  message: SignalMessage;
}

/** A signalling room of two: the other side is reached through the process that started this one. */
export class IpcChannel implements SignalChannel {
  readonly room = 'lab';
  readonly self: string;
  readonly #peer: string;
  readonly #listeners = new Set<SignalListener<'message'>>();

  constructor(self: string, peer: string) {
    this.self = self;
    this.#peer = peer;
    process.on('message', (message: Signal | {kind: string}) => {
      if (message.kind !== 'signal') return;
      for (const listener of this.#listeners) listener({from: peer, message: (message as Signal).message});
    });
  }

  peers(): readonly SignalPeer[] {
    return [{peer: this.#peer, state: 'new'}];
  }

  iceServers(): readonly OfferedIceServer[] {
    return [];
  }

  async send(_to: string, message: SignalMessage): Promise<void> {
    process.send?.({kind: 'signal', message} satisfies Signal);
  }

  report(_state: PeerState): void {
    // Nobody watches.
  }

  on<K extends keyof SignalEvents>(event: K, listener: SignalListener<K>): () => void {
    if (event !== 'message') return () => undefined;
    const own = listener as SignalListener<'message'>;
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
  }
}
