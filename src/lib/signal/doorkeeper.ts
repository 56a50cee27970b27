import {toHex} from '../core/bytes.ts';
import {openSignalToken, SIGNAL_TOKEN_SKEW_MS} from '../records/signal-token.ts';
import {refusal} from './errors.ts';

/** Tokens that are remembered as used: five minutes of a hundred joins a second; beyond, the oldest are forgotten. */
const USED_LIMIT = 32_768;

export interface DoorkeeperOptions {
  /** What tokens have to be made for: `/quiver/<profile>/signal/1.0.0`. */
  protocol: string;
  /** `host:port` under which this server is known, in lower case. */
  audiences: () => ReadonlySet<string>;
  /** Peer ids; empty lets everybody in who can prove who it is. */
  allowedPeers?: readonly string[];
}

/** Decides who may join: whose token it is, whether it is meant for here, and whether it comes for the first time. */
export class Doorkeeper {
  /** Peers of our own, with which we check ourselves; they may always join. */
  readonly own = new Set<string>();
  readonly #options: DoorkeeperOptions;
  readonly #allowed: ReadonlySet<string>;
  /** Peer and nonce, and until when the token could be used again (ms since the epoch); oldest first. */
  readonly #used = new Map<string, number>();

  constructor(options: DoorkeeperOptions) {
    this.#options = options;
    this.#allowed = new Set(options.allowedPeers);
  }

  /** The peer id that a token proves. Throws SIGNAL_TOKEN…, SIGNAL_NOT_ALLOWED, RECORD_INVALID, RECORD_EXPIRED or CLOCK. */
  async admit(token: string | undefined, room: string, now = Date.now()): Promise<string> {
    if (token === undefined || token === '') throw refusal('SIGNAL_TOKEN', 'there is none');
    const {protocol, audiences} = this.#options;
    const {peer, nonce, expiresAt, ...opened} = await openSignalToken(token, {now});
    if (opened.protocol !== protocol) throw refusal('SIGNAL_TOKEN', `it is not for ${protocol}`);
    if (opened.room !== room) throw refusal('SIGNAL_TOKEN', 'it is for another room');
    // The names that would do are not for strangers: addresses of the network inside are among them.
    if (opened.audience !== '' && !audiences().has(opened.audience)) {
      throw refusal(
        'SIGNAL_TOKEN',
        `it is for ${opened.audience}, which is no name of this server (signal.public_urls)`,
      );
    }
    this.allow(peer);
    this.#useOnce(`${peer} ${toHex(nonce)}`, expiresAt + SIGNAL_TOKEN_SKEW_MS, now);
    return peer;
  }

  /** Throws SIGNAL_NOT_ALLOWED. */
  allow(peer: string): void {
    if (this.#allowed.size > 0 && !this.#allowed.has(peer) && !this.own.has(peer)) throw refusal('SIGNAL_NOT_ALLOWED');
  }

  #useOnce(name: string, until: number, now: number): void {
    if ((this.#used.get(name) ?? 0) >= now) throw refusal('SIGNAL_TOKEN_USED');
    if (this.#used.size >= USED_LIMIT) this.#forget(now);
    this.#used.set(name, until);
  }

  /** Those at the beginning that are over, else the oldest: looking at all of them each time would cost more than a join. */
  #forget(now: number): void {
    for (const [name, until] of this.#used) {
      if (until >= now && this.#used.size < USED_LIMIT) return;
      this.#used.delete(name);
      if (until >= now) return;
    }
  }
}
