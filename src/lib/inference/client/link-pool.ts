import {peerIdFromString} from '@libp2p/peer-id';

import {pause} from '../../core/pause.ts';
import {providerUnreachable} from '../errors.ts';
import type {MarketNode} from '../market/market-node.ts';
import {orAborted} from '../or-aborted.ts';
import {ClientLink} from '../wire/client-link.ts';
import type {ProtocolViolation} from '../wire/framing.ts';
import {localStreamPair} from '../wire/local-stream.ts';
import type {ByteStream} from '../wire/stream-link.ts';

/** A provider that can't be dialled within this is slower than the next one. */
const OPEN_TIMEOUT_MS = 5_000;
const REOPEN_MS = 200;
/** Streams kept open; past it the one unused for longest is closed. */
const MAX_LINKS = 256;

/** One long-lived stream to each provider that is used. */
export class LinkPool {
  readonly #market: MarketNode;
  readonly #onViolation: (provider: string, violation: ProtocolViolation) => void;
  readonly #links = new Map<string, Promise<ClientLink>>();

  constructor(market: MarketNode, onViolation: (provider: string, violation: ProtocolViolation) => void) {
    this.#market = market;
    this.#onViolation = onViolation;
  }

  /** Throws PROVIDER_UNREACHABLE, or the signal's reason. */
  async get(provider: string, signal: AbortSignal): Promise<ClientLink> {
    const opening = this.#links.get(provider) ?? this.#open(provider);
    // Moved to the end: the order of the map is the order of use.
    this.#links.delete(provider);
    this.#links.set(provider, opening);
    const link = await orAborted(opening, signal);
    this.#trim();
    return link;
  }

  async close(): Promise<void> {
    const links = [...this.#links.values()];
    this.#links.clear();
    await Promise.allSettled(links.map(async (link) => (await link).close()));
  }

  #open(provider: string): Promise<ClientLink> {
    const opening = this.#stream(provider).then(
      (stream) =>
        new ClientLink(stream, (violation) => {
          if (this.#links.get(provider) === opening) this.#links.delete(provider);
          if (violation !== undefined) this.#onViolation(provider, violation);
        }),
      (error: unknown) => {
        this.#links.delete(provider);
        throw providerUnreachable(provider, error);
      },
    );
    // Whoever asked may be gone by the time it fails.
    opening.catch(() => undefined);
    return opening;
  }

  async #stream(provider: string): Promise<ByteStream> {
    const {node, names, serving} = this.#market;
    if (provider !== node.peerId.toString()) {
      const peer = peerIdFromString(provider);
      const options = {signal: AbortSignal.timeout(OPEN_TIMEOUT_MS), runOnLimitedConnection: true};
      try {
        return await node.dialProtocol(peer, names.infer, options);
      } catch {
        // The connection may have been closed while the stream was opened, e.g. one of two through a relay.
        await pause(REOPEN_MS);
        return node.dialProtocol(peer, names.infer, options);
      }
    }
    if (serving === undefined) throw new Error('this node no longer provides');
    const [near, far] = localStreamPair();
    serving(far, provider);
    return near;
  }

  #trim(): void {
    const [oldest] = this.#links;
    if (this.#links.size <= MAX_LINKS || oldest === undefined) return;
    this.#links.delete(oldest[0]);
    oldest[1].then((link) => link.closeWhenIdle()).catch(() => undefined);
  }
}
