import {readAddressFamily} from '../../stun/attributes.ts';
import {ERROR_CODE} from '../../stun/error-code.ts';
import {readUint32} from '../../stun/message.ts';
import {ATTRIBUTE, CLASS} from '../../stun/types.ts';
import {readLifetimeMs} from './allocate-request.ts';
import type {Allocation, Relay} from './allocation.ts';
import type {Allocations} from './allocations.ts';
import type {ClientPath} from './io.ts';
import type {TurnRequest} from './request.ts';

/** The answer to the Refresh that ended an allocation, for when it is asked again. */
interface LastAnswer {
  transactionId: Uint8Array;
  bytes: Uint8Array;
}

export class RefreshRequests {
  readonly #allocations: Allocations;
  readonly #lifetimes: {lifetimeMs: number; maxLifetimeMs: number};
  /** As long as I/O knows the path, which is up to I/O. */
  readonly #ended = new WeakMap<ClientPath, LastAnswer>();

  constructor(allocations: Allocations, lifetimes: {lifetimeMs: number; maxLifetimeMs: number}) {
    this.#allocations = allocations;
    this.#lifetimes = lifetimes;
  }

  /** RFC 8656 section 8.2: sets the time to live of an allocation, or of one address of two; 0 ends it. */
  refresh(request: TurnRequest, allocation: Allocation | undefined): void {
    const {message, responder, nowMs, path} = request;
    if (allocation === undefined) {
      const last = this.#ended.get(path);
      if (last !== undefined && Buffer.compare(last.transactionId, responder.transactionId) === 0) {
        path.send(last.bytes);
      } else responder.fail(ERROR_CODE.allocationMismatch);
      return;
    }
    const lifetimeMs = readLifetimeMs(message, this.#lifetimes.lifetimeMs, this.#lifetimes.maxLifetimeMs);
    const relays = wantedRelays(request, allocation);
    if (lifetimeMs === undefined || typeof relays === 'number') {
      responder.fail(typeof relays === 'number' ? relays : ERROR_CODE.badRequest);
      return;
    }
    const value = message.attribute(ATTRIBUTE.lifetime);
    const ends = value !== undefined && readUint32(value, 0) === 0;
    const lifetimeSeconds = ends ? 0 : lifetimeMs / 1000;
    const bytes = responder.send(responder.begin(CLASS.success).addUint32(ATTRIBUTE.lifetime, lifetimeSeconds));
    if (ends) {
      for (const relay of relays) this.#allocations.endRelay(relay);
      this.#ended.set(path, {transactionId: responder.transactionId, bytes: Uint8Array.from(bytes)});
    } else {
      for (const relay of relays) relay.expiresAt = nowMs + lifetimeMs;
    }
  }
}

/** Those of the family that was named, or all; a number is the error to answer. */
function wantedRelays({message}: TurnRequest, allocation: Allocation): Relay[] | number {
  const value = message.attribute(ATTRIBUTE.requestedAddressFamily);
  const family = value === undefined ? undefined : readAddressFamily(value);
  if (value !== undefined && family === undefined) return ERROR_CODE.badRequest;
  if (family === 'unknown') return ERROR_CODE.peerAddressFamilyMismatch;
  const relays = [allocation.relay4, allocation.relay6].flatMap((relay) =>
    relay === undefined || (family !== undefined && relay !== allocation.relay(family)) ? [] : [relay],
  );
  return relays.length === 0 ? ERROR_CODE.peerAddressFamilyMismatch : relays;
}
