import {readAddressFamily} from '../../stun/attributes.ts';
import {ERROR_CODE} from '../../stun/error-code.ts';
import {readUint32} from '../../stun/message.ts';
import {ATTRIBUTE, CLASS} from '../../stun/types.ts';
import {readLifetimeMs} from './allocate-request.ts';
import type {Allocation, Relay} from './allocation.ts';
import type {Allocations} from './allocations.ts';
import type {TurnRequest} from './request.ts';

/** RFC 8656 section 8.2: sets the time to live of an allocation, or of one address of two; 0 ends it. */
export function refresh(
  request: TurnRequest,
  allocation: Allocation,
  allocations: Allocations,
  lifetimes: {lifetimeMs: number; maxLifetimeMs: number},
): void {
  const {message, responder, nowMs} = request;
  const lifetimeMs = readLifetimeMs(message, lifetimes.lifetimeMs, lifetimes.maxLifetimeMs);
  const relays = wantedRelays(request, allocation);
  if (lifetimeMs === undefined || typeof relays === 'number') {
    responder.fail(typeof relays === 'number' ? relays : ERROR_CODE.badRequest);
    return;
  }
  const value = message.attribute(ATTRIBUTE.lifetime);
  const ends = value !== undefined && readUint32(value, 0) === 0;
  responder.send(responder.begin(CLASS.success).addUint32(ATTRIBUTE.lifetime, ends ? 0 : lifetimeMs / 1000));
  for (const relay of relays) {
    if (ends) allocations.endRelay(relay);
    else relay.expiresAt = nowMs + lifetimeMs;
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
