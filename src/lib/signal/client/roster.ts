import type {SignalPeer} from '../../records/signal-message.ts';

/** Beyond what any server allows in a room; a server that says more is not believed. */
const PEERS_LIMIT = 1_024;

/** Who else is in the room. */
export class Roster {
  readonly #peers = new Map<string, SignalPeer>();
  readonly #changed: (peer: SignalPeer & {present: boolean}) => void;

  constructor(changed: (peer: SignalPeer & {present: boolean}) => void) {
    this.#changed = changed;
  }

  get peers(): readonly SignalPeer[] {
    return [...this.#peers.values()];
  }

  /** What one presence message said. */
  update({peer, state, present}: SignalPeer & {present: boolean}): void {
    if (present && !this.#peers.has(peer) && this.#peers.size >= PEERS_LIMIT) return;
    if (present) this.#peers.set(peer, {peer, state});
    else if (!this.#peers.delete(peer)) return;
    this.#changed({peer, state, present});
  }

  /** Who is there now, after a time in which we heard nothing. */
  replace(peers: readonly SignalPeer[]): void {
    const there = new Map(peers.map((peer) => [peer.peer, peer]));
    for (const known of this.peers) if (!there.has(known.peer)) this.update({...known, present: false});
    for (const peer of there.values()) {
      if (this.#peers.get(peer.peer)?.state !== peer.state) this.update({...peer, present: true});
    }
  }
}
