import type {
  OfferedIceServer,
  PeerState,
  SignalChannel,
  SignalEvents,
  SignalListener,
  SignalMessage,
  SignalPeer,
} from '../../records/signal-message.ts';
import {Emitter} from './emitter.ts';
import {closedChannel} from './errors.ts';

/**
 * One channel out of several to the same room at servers that know nothing of each other: its peers are those of all of
 * them, and a message goes by one that knows its receiver. Resolves when the first has joined; the others may come
 * later, or never. Rejects with the error of the last when all have failed.
 */
export async function joinAll(opening: readonly Promise<SignalChannel>[]): Promise<SignalChannel> {
  const first = await firstOf(opening);
  if (opening.length === 1) return first;
  const joint = new JointChannel(first);
  for (const channel of opening) {
    channel.then(
      (opened) => joint.add(opened),
      () => undefined,
    );
  }
  return joint;
}

async function firstOf(opening: readonly Promise<SignalChannel>[]): Promise<SignalChannel> {
  try {
    return await Promise.any(opening);
  } catch (error) {
    throw error instanceof AggregateError ? (error.errors.at(-1) ?? closedChannel()) : error;
  }
}

class JointChannel implements SignalChannel {
  readonly room: string;
  readonly self: string;
  readonly #emitter = new Emitter();
  readonly #channels = new Set<SignalChannel>();
  readonly #connected = new Set<SignalChannel>();
  #state: PeerState = 'new';
  #closed = false;

  constructor({room, self}: SignalChannel) {
    this.room = room;
    this.self = self;
  }

  add(channel: SignalChannel): void {
    if (this.#closed) {
      void channel.close();
      return;
    }
    this.#channels.add(channel);
    this.#connected.add(channel);
    channel.on('message', (event) => this.#emitter.emit('message', event));
    channel.on('problem', (event) => this.#emitter.emit('problem', event));
    channel.on('presence', (event) => {
      // Gone from one server, and still at another.
      if (!event.present && this.#channelTo(event.peer) !== undefined) return;
      this.#emitter.emit('presence', event);
    });
    channel.on('status', ({status, error}) => this.#onStatus(channel, status, error));
    for (const peer of channel.peers()) this.#emitter.emit('presence', {...peer, present: true});
    if (this.#state !== 'new') channel.report(this.#state);
  }

  peers(): readonly SignalPeer[] {
    const peers = [...this.#channels].flatMap((channel) => channel.peers());
    return [...new Map(peers.map((peer) => [peer.peer, peer])).values()];
  }

  iceServers(): readonly OfferedIceServer[] {
    return [...this.#channels].flatMap((channel) => channel.iceServers());
  }

  on<K extends keyof SignalEvents>(event: K, listener: SignalListener<K>): () => void {
    return this.#emitter.on(event, listener);
  }

  async send(to: string, message: SignalMessage): Promise<void> {
    const channel = this.#channelTo(to) ?? [...this.#connected, ...this.#channels][0];
    if (channel === undefined) throw closedChannel();
    await channel.send(to, message);
  }

  report(state: PeerState): void {
    this.#state = state;
    for (const channel of this.#channels) channel.report(state);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#channels].map((channel) => channel.close()));
  }

  /** One that knows the peer, and rather one that is connected. */
  #channelTo(peer: string): SignalChannel | undefined {
    const knowing = [...this.#channels].filter((channel) => channel.peers().some((known) => known.peer === peer));
    return knowing.find((channel) => this.#connected.has(channel)) ?? knowing[0];
  }

  #onStatus(
    channel: SignalChannel,
    status: SignalEvents['status']['status'],
    error: SignalEvents['status']['error'],
  ): void {
    const before = this.#connected.size > 0;
    if (status === 'connected') this.#connected.add(channel);
    else this.#connected.delete(channel);
    if (status === 'closed') this.#channels.delete(channel);
    const now = this.#connected.size > 0;
    if (this.#channels.size === 0) {
      this.#emitter.emit('status', {status: 'closed', ...(error !== undefined && {error})});
    } else if (before !== now) {
      this.#emitter.emit('status', {status: now ? 'connected' : 'reconnecting'});
    }
  }
}
