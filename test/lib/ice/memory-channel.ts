import {pause} from '../../../src/lib/core/pause.ts';
import type {
  PeerState,
  SignalChannel,
  SignalEvents,
  SignalListener,
  SignalMessage,
} from '../../../src/lib/records/signal-message.ts';

/** A room in memory: what one says the other hears a little later, and a test may change it on its way. */
export class MemoryRoom {
  readonly #members = new Map<string, MemoryChannel>();
  delayMs = 1;
  /** Gives what arrives instead; undefined loses it. */
  tamper: (message: SignalMessage, from: string, to: string) => SignalMessage | undefined = (message) => message;
  said = 0;
  /** All that has arrived, in order. */
  readonly arrived: {to: string; message: SignalMessage}[] = [];
  #last: Promise<void> = Promise.resolve();

  join(self: string): MemoryChannel {
    const channel = new MemoryChannel(this, self);
    for (const other of this.#members.values()) {
      other.emit('presence', {peer: self, state: 'new', present: true});
    }
    this.#members.set(self, channel);
    return channel;
  }

  leave(self: string): void {
    this.#members.delete(self);
    for (const other of this.#members.values()) other.emit('presence', {peer: self, state: 'new', present: false});
  }

  others(self: string): string[] {
    return [...this.#members.keys()].filter((peer) => peer !== self);
  }

  /** Resolves when what was said so far has arrived. */
  settled(): Promise<void> {
    return this.#last;
  }

  async pass(from: string, to: string, message: SignalMessage): Promise<void> {
    const arriving = this.tamper(message, from, to);
    this.said++;
    if (arriving === undefined) return;
    this.#last = this.#deliver(from, to, arriving);
  }

  async #deliver(from: string, to: string, message: SignalMessage): Promise<void> {
    await pause(this.delayMs);
    this.arrived.push({to, message});
    this.#members.get(to)?.emit('message', {from, message});
  }
}

export class MemoryChannel implements SignalChannel {
  readonly room = 'test';
  readonly self: string;
  readonly states: PeerState[] = [];
  readonly #room: MemoryRoom;
  readonly #listeners = new Map<string, Set<(event: never) => void>>();

  constructor(room: MemoryRoom, self: string) {
    this.#room = room;
    this.self = self;
  }

  peers() {
    return this.#room.others(this.self).map((peer) => ({peer, state: 'new' as const}));
  }

  iceServers() {
    return [];
  }

  send(to: string, message: SignalMessage): Promise<void> {
    return this.#room.pass(this.self, to, message);
  }

  report(state: PeerState): void {
    this.states.push(state);
  }

  on<K extends keyof SignalEvents>(event: K, listener: SignalListener<K>): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  emit<K extends keyof SignalEvents>(event: K, value: SignalEvents[K]): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(value as never);
  }

  async close(): Promise<void> {
    this.#room.leave(this.self);
  }
}
