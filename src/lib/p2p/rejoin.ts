import type {Connection, PeerId, Startable} from '@libp2p/interface';
import {peerIdFromString} from '@libp2p/peer-id';
import type {Multiaddr} from '@multiformats/multiaddr';
import {multiaddr} from '@multiformats/multiaddr';
import {Key} from 'interface-datastore';

import {pause} from '../core/pause.ts';
import type {Logger} from '../observability/logger.ts';
import {resolveDnsaddr} from './dnsaddr.ts';
import type {PeerAddress} from './peer-address.ts';
import type {Components} from './transports.ts';

/** Between looks at peers that are all there, in ms. */
const CHECK_INTERVAL_MS = 15_000;

/** First wait after a peer could not be reached, and the longest one after many failures, in ms. */
const BACKOFF_FIRST_MS = 1_000;
const BACKOFF_MAX_MS = 60_000;

/** One dial, name lookups included, in ms. */
const DIAL_TIMEOUT_MS = 10_000;

/** Remembered peers tried at once when no named one answers. */
const CACHED_PEERS_TRIED = 8;

/** Weight of a named peer when connections are pruned; ordinary peers have none. */
const TAG_VALUE = 100;

/** State of one peer that the node keeps a connection to. */
export interface NamedPeer {
  address: string;
  peerId?: string;
  connected: boolean;
  /** Attempts in a row that failed. */
  failures: number;
  lastError?: string;
}

interface Entry {
  at: PeerAddress;
  peerId?: string;
  failures: number;
  lastError?: string;
}

/**
 * Keeps a node connected to the bootstraps and relays its operator named, with back-off, and when none of them can be
 * reached, finds its way back through the peers it remembers.
 */
export class Rejoin implements Startable {
  readonly #components: Components;
  readonly #entries: Entry[];
  readonly #log: Logger;
  readonly #contact = Promise.withResolvers<boolean>();
  #stop = new AbortController();
  #wake = new AbortController();

  constructor(components: Components, peers: readonly PeerAddress[], log: Logger) {
    this.#components = components;
    this.#log = log;
    const self = components.peerId.toString();
    // A bootstrap finds itself in its network's list.
    this.#entries = peers
      .filter(({peerId}) => peerId !== self)
      .map((at) => ({at, failures: 0, ...(at.peerId === undefined ? {} : {peerId: at.peerId})}));
  }

  /** Settles after the first round of dials: whether any peer was reached. True at once if none was named. */
  get firstContact(): Promise<boolean> {
    return this.#contact.promise;
  }

  peers(): NamedPeer[] {
    return this.#entries.map(({at, peerId, failures, lastError}) => ({
      address: at.text,
      ...(peerId === undefined ? {} : {peerId}),
      connected: this.#isConnected(peerId),
      failures,
      ...(lastError === undefined ? {} : {lastError}),
    }));
  }

  isNamed(peerId: string): boolean {
    return this.#entries.some((entry) => entry.peerId === peerId);
  }

  start(): void {
    this.#stop = new AbortController();
    this.#components.events.addEventListener('peer:disconnect', this.#onDisconnect);
  }

  afterStart(): void {
    this.#run(this.#stop.signal).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#log.error({err: error}, 'rejoining stopped');
    });
  }

  stop(): void {
    this.#components.events.removeEventListener('peer:disconnect', this.#onDisconnect);
    this.#stop.abort();
    this.#contact.resolve(false);
  }

  readonly #onDisconnect = (event: CustomEvent<PeerId>): void => {
    if (this.isNamed(event.detail.toString())) this.#wake.abort();
  };

  async #run(stop: AbortSignal): Promise<void> {
    for (let attempt = 0; !stop.aborted;) {
      const missing = this.#entries.filter(({peerId}) => !this.#isConnected(peerId));
      const reached = await Promise.all(missing.map((entry) => this.#reach(entry, stop)));
      const failed = reached.filter((ok) => !ok).length;
      if (failed > 0 && this.#components.connectionManager.getConnections().length === 0) await this.#dialCached(stop);
      this.#contact.resolve(failed === 0 || failed < missing.length);
      // A peer that drops us at once must not be dialled in a tight loop: only a quiet round ends the back-off.
      attempt = missing.length === 0 ? 0 : attempt + 1;
      await this.#pause(missing.length === 0 ? CHECK_INTERVAL_MS : backoffMs(attempt), stop);
    }
  }

  /** Waits; a lost peer ends the wait early unless we are backing off already. */
  async #pause(ms: number, stop: AbortSignal): Promise<void> {
    this.#wake = new AbortController();
    const signal = ms === CHECK_INTERVAL_MS ? AbortSignal.any([stop, this.#wake.signal]) : stop;
    await pause(ms, signal);
  }

  #isConnected(peerId: string | undefined): boolean {
    return (
      peerId !== undefined && this.#components.connectionManager.getConnections(peerIdFromString(peerId)).length > 0
    );
  }

  async #reach(entry: Entry, stop: AbortSignal): Promise<boolean> {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(DIAL_TIMEOUT_MS)]);
    try {
      const connection = await this.#dial(entry, signal);
      entry.failures = 0;
      delete entry.lastError;
      entry.peerId = connection.remotePeer.toString();
      await this.#components.peerStore.merge(connection.remotePeer, {tags: {'quiver-named': {value: TAG_VALUE}}});
      return true;
    } catch (error) {
      if (stop.aborted) return false;
      entry.failures += 1;
      entry.lastError = error instanceof Error ? error.message : String(error);
      this.#log.info({address: entry.at.text, failures: entry.failures, reason: entry.lastError}, 'peer not reached');
      return false;
    }
  }

  async #dial(entry: Entry, signal: AbortSignal): Promise<Connection> {
    const {at} = entry;
    if (at.kind === 'dnsaddr') return this.#dialDnsaddr(at, signal);
    if (at.peerId !== undefined || at.kind === 'peer') {
      const target = at.kind === 'peer' ? peerIdFromString(at.peerId ?? '') : at.address;
      return this.#components.connectionManager.openConnection(target, {signal});
    }
    return this.#dialUnknown(at.address, signal);
  }

  async #dialDnsaddr(at: PeerAddress, signal: AbortSignal): Promise<Connection> {
    const domain = at.address.getComponents()[0]?.value ?? '';
    const listed = await resolveDnsaddr(domain, signal);
    const wanted = at.peerId === undefined ? listed : listed.filter((item) => peerIdOf(item) === at.peerId);
    if (wanted.length === 0) throw new Error(`${at.text} lists no such peer`);
    // Every listed peer is worth having; the first to answer is enough to go on.
    return Promise.any(wanted.map((item) => this.#components.connectionManager.openConnection(item, {signal})));
  }

  /** Trust on first use: whoever answers first at an address without a peer id is expected there from then on. */
  async #dialUnknown(address: Multiaddr, signal: AbortSignal): Promise<Connection> {
    const key = new Key(`/quiver/first-seen/${Buffer.from(address.toString()).toString('base64url')}`);
    const {datastore} = this.#components;
    if (await datastore.has(key, {signal})) {
      const peerId = Buffer.from(await datastore.get(key, {signal})).toString();
      const pinned = address.encapsulate(multiaddr(`/p2p/${peerId}`));
      return this.#components.connectionManager.openConnection(pinned, {signal});
    }
    const connection = await this.#components.connectionManager.openConnection(address, {signal});
    const peerId = connection.remotePeer.toString();
    await datastore.put(key, Buffer.from(peerId), {signal});
    this.#log.warn(
      {address: address.toString(), peerId},
      'no peer id was given for this address: trusting the peer that answered first',
    );
    return connection;
  }

  async #dialCached(stop: AbortSignal): Promise<void> {
    const known = await this.#components.peerStore.all({
      filters: [(peer) => peer.addresses.length > 0 && !this.isNamed(peer.id.toString())],
      orders: [() => (Math.random() < 0.5 ? -1 : 1)],
      limit: CACHED_PEERS_TRIED,
    });
    const signal = AbortSignal.any([stop, AbortSignal.timeout(DIAL_TIMEOUT_MS)]);
    const dials = known.map(({id}) => this.#components.connectionManager.openConnection(id, {signal}));
    const settled = await Promise.allSettled(dials);
    const reached = settled.filter(({status}) => status === 'fulfilled').length;
    if (known.length > 0)
      this.#log.info({tried: known.length, reached}, 'no named peer answered: tried remembered ones');
  }
}

function peerIdOf(address: Multiaddr): string | undefined {
  return address.getComponents().findLast(({name}) => name === 'p2p')?.value;
}

/** Doubles from one second to a minute, give or take a quarter, so that a restarted bootstrap isn't hit by all at once. */
function backoffMs(attempt: number): number {
  const full = Math.min(BACKOFF_FIRST_MS * 2 ** (attempt - 1), BACKOFF_MAX_MS);
  return full * (0.75 + Math.random() / 2);
}
