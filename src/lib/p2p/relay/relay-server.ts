import type {Connection, PeerId, Startable, Stream} from '@libp2p/interface';
import {peerIdFromMultihash} from '@libp2p/peer-id';
import {lpStream} from '@libp2p/utils';
import type {LengthPrefixedStream} from '@libp2p/utils';
import {decode as decodeDigest} from 'multiformats/hashes/digest';

import type {Logger} from '../../observability/logger.ts';
import {isRelayed} from '../admission.ts';
import type {Components} from '../transports.ts';
import {joinStreams} from './circuit.ts';
import {Circuits} from './circuits.ts';
import {makeGrant} from './grant.ts';
import type {RelayLimits} from './limits.ts';
import {RELAY_LIMITS} from './limits.ts';
import type {HopRequest, Status} from './messages.ts';
import {
  HOP_PROTOCOL,
  MAX_MESSAGE_BYTES,
  STATUS,
  STOP_PROTOCOL,
  decodeHopRequest,
  decodeStopStatus,
  encodeHopStatus,
  encodeStopConnect,
} from './messages.ts';
import {Reservations} from './reservations.ts';

/** A request to the relay, the answer of the target included, is over within this time, in ms. */
const HANDSHAKE_TIMEOUT_MS = 15_000;

/** Requests of one connection worked on at once. */
const MAX_STREAMS_PER_CONNECTION = 64;

/** Weight of a peer with a slot when connections are pruned. */
const TAG = 'quiver-relayed';
const TAG_VALUE = 60;

export interface RelayStats {
  reservations: number;
  circuits: number;
  /** Of everything asked for, by outcome: `ok` or the reason of the refusal. */
  reservationRequests: ReadonlyMap<string, number>;
  circuitRequests: ReadonlyMap<string, number>;
  /** Slots freed because their holder left. */
  released: number;
  /** Circuits that were ended for their time or their bytes. */
  cutAtLimit: number;
  relayedBytes: bigint;
}

type RelayStream = LengthPrefixedStream<Stream>;

/** The server side of circuit relay v2 (libp2p/specs relay/circuit-v2.md). */
export class RelayServer implements Startable {
  readonly #components: Components;
  readonly #limits: RelayLimits;
  readonly #log: Logger;
  readonly #reservations: Reservations;
  readonly #circuits: Circuits;
  readonly #reservationRequests = new Map<string, number>();
  readonly #circuitRequests = new Map<string, number>();
  #released = 0;
  #cutAtLimit = 0;
  #relayedBytes = 0n;
  #draining = false;
  #stop = new AbortController();

  constructor(components: Components, limits: RelayLimits, log: Logger) {
    this.#components = components;
    this.#limits = limits;
    this.#log = log;
    this.#reservations = new Reservations(limits);
    this.#circuits = new Circuits(limits);
  }

  stats(): RelayStats {
    return {
      reservations: this.#reservations.size,
      circuits: this.#circuits.size,
      reservationRequests: this.#reservationRequests,
      circuitRequests: this.#circuitRequests,
      released: this.#released,
      cutAtLimit: this.#cutAtLimit,
      relayedBytes: this.#relayedBytes,
    };
  }

  /** Grants nothing new from now on; what runs goes on. */
  drain(): void {
    this.#draining = true;
  }

  async start(): Promise<void> {
    this.#stop = new AbortController();
    this.#components.events.addEventListener('peer:disconnect', this.#onDisconnect);
    await this.#components.registrar.handle(HOP_PROTOCOL, (stream, connection) => this.#onHop(stream, connection), {
      maxInboundStreams: MAX_STREAMS_PER_CONNECTION,
      // To be told that relays can't be chained, instead of waiting for nothing.
      runOnLimitedConnection: true,
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#components.events.removeEventListener('peer:disconnect', this.#onDisconnect);
    this.#reservations.clear();
    await this.#components.registrar.unhandle(HOP_PROTOCOL);
  }

  readonly #onDisconnect = ({detail: peer}: CustomEvent<PeerId>): void => {
    if (this.#reservations.release(peer)) this.#released += 1;
  };

  async #onHop(stream: Stream, connection: Connection): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(HANDSHAKE_TIMEOUT_MS)]);
    const hop = lpStream(stream, {maxDataLength: MAX_MESSAGE_BYTES});
    try {
      const request = readRequest(await hop.read({signal}));
      if (request.type === 'reserve') await this.#onReserve(hop, connection, signal);
      else if (request.type === 'connect') await this.#onConnect(hop, connection, request.peer, signal);
      else await refuse(hop, request.type === 'other' ? STATUS.unexpectedMessage : STATUS.malformedMessage, signal);
    } catch (error) {
      // A stranger's stream that broke off; libp2p does not catch what a handler throws.
      stream.abort(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #onReserve(hop: RelayStream, connection: Connection, signal: AbortSignal): Promise<void> {
    const peer = connection.remotePeer;
    const refusal = this.#refuseReservation(connection);
    count(this.#reservationRequests, refusal ?? 'ok');
    if (refusal !== undefined) {
      this.#log.info({peer: peer.toString(), reason: refusal}, 'reservation refused');
      await refuse(hop, refusal === 'relayed' ? STATUS.permissionDenied : STATUS.reservationRefused, signal);
      return;
    }
    try {
      const grant = await makeGrant(this.#components, peer, this.#limits.reservationTtlMs);
      await hop.write(encodeHopStatus(STATUS.ok, grant, this.#wireLimit()), {signal});
      await hop.unwrap().close({signal});
      await this.#components.peerStore.merge(peer, {
        tags: {[TAG]: {value: TAG_VALUE, ttl: this.#limits.reservationTtlMs}},
      });
    } catch (error) {
      this.#reservations.release(peer);
      throw error;
    }
  }

  #refuseReservation({remotePeer, remoteAddr}: Connection): string | undefined {
    if (isRelayed(remoteAddr)) return 'relayed';
    if (this.#draining) return 'draining';
    return this.#reservations.reserve(remotePeer, remoteAddr);
  }

  async #onConnect(hop: RelayStream, connection: Connection, target: Uint8Array, signal: AbortSignal): Promise<void> {
    const source = connection.remotePeer;
    const found = this.#findTarget(connection, target);
    if ('refusal' in found) {
      count(this.#circuitRequests, found.refusal);
      this.#log.info({peer: source.toString(), reason: found.refusal}, 'circuit refused');
      await refuse(hop, found.status, signal);
      return;
    }
    // Counted before anything is awaited, so that requests at the same moment can't pass the limit together.
    const done = this.#circuits.open(source);
    try {
      const stop = await this.#callTarget(found.connection, source, signal);
      count(this.#circuitRequests, stop === undefined ? 'target_failed' : 'ok');
      if (stop === undefined) {
        await refuse(hop, STATUS.connectionFailed, signal);
        return;
      }
      await hop.write(encodeHopStatus(STATUS.ok, undefined, this.#wireLimit()), {signal});
      const outcome = await joinStreams(hop.unwrap(), stop, {
        maxBytes: this.#limits.circuitBytes,
        maxDurationMs: this.#limits.circuitDurationMs,
        signal: this.#stop.signal,
        onBytes: (bytes) => (this.#relayedBytes += BigInt(bytes)),
      });
      if (outcome === 'limit') this.#cutAtLimit += 1;
    } finally {
      done();
    }
  }

  #findTarget(
    {remotePeer, remoteAddr}: Connection,
    target: Uint8Array,
  ): {connection: Connection} | {refusal: string; status: Status} {
    if (isRelayed(remoteAddr)) return {refusal: 'relayed', status: STATUS.permissionDenied};
    if (this.#draining) return {refusal: 'draining', status: STATUS.resourceLimitExceeded};
    const peer = parsePeerId(target);
    if (peer === undefined) return {refusal: 'malformed', status: STATUS.malformedMessage};
    const connection = this.#components.connectionManager
      .getConnections(peer)
      .find((item) => item.status === 'open' && !isRelayed(item.remoteAddr));
    if (!this.#reservations.has(peer) || connection === undefined) {
      return {refusal: 'no_reservation', status: STATUS.noReservation};
    }
    const refusal = this.#circuits.refusal(remotePeer);
    if (refusal !== undefined) return {refusal, status: STATUS.resourceLimitExceeded};
    return {connection};
  }

  /** Asks the target to take the circuit; undefined when it does not. */
  async #callTarget(connection: Connection, source: PeerId, signal: AbortSignal): Promise<Stream | undefined> {
    let stream: Stream | undefined;
    try {
      stream = await connection.newStream(STOP_PROTOCOL, {
        signal,
        maxOutboundStreams: this.#limits.maxCircuits,
      });
      const stop = lpStream(stream, {maxDataLength: MAX_MESSAGE_BYTES});
      await stop.write(encodeStopConnect(source.toMultihash().bytes, this.#wireLimit()), {signal});
      if (decodeStopStatus((await stop.read({signal})).subarray()) === STATUS.ok) return stop.unwrap();
      await stream.close({signal});
    } catch (error) {
      stream?.abort(error instanceof Error ? error : new Error(String(error)));
    }
    return undefined;
  }

  #wireLimit() {
    return {
      durationSeconds: Math.floor(this.#limits.circuitDurationMs / 1_000),
      dataBytes: this.#limits.circuitBytes,
    };
  }
}

/** A libp2p service; limits left out are RELAY_LIMITS. */
export function relayServer(limits: Partial<RelayLimits>, log: Logger): (components: Components) => RelayServer {
  return (components) => new RelayServer(components, {...RELAY_LIMITS, ...limits}, log);
}

function readRequest(message: {subarray(): Uint8Array}): HopRequest | {type: 'malformed'} {
  try {
    return decodeHopRequest(message.subarray());
  } catch {
    return {type: 'malformed'};
  }
}

function parsePeerId(multihash: Uint8Array): PeerId | undefined {
  try {
    return peerIdFromMultihash(decodeDigest(multihash));
  } catch {
    return undefined;
  }
}

async function refuse(hop: RelayStream, status: Status, signal: AbortSignal): Promise<void> {
  await hop.write(encodeHopStatus(status), {signal});
  await hop.unwrap().close({signal});
}

/** The keys are our own reasons, so the map is bounded. */
function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
