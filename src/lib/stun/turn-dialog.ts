import {EXIT, QuiverError} from '../core/errors.ts';
import {TRANSPORT_UDP, writeAddressFamily, writeRequestedTransport} from './attributes.ts';
import {ERROR_CODE, readErrorCode} from './error-code.ts';
import {longTermKey, verifyIntegrity} from './integrity.ts';
import {MessageBuilder} from './message-builder.ts';
import {readUint32, type StunMessage} from './message.ts';
import {ATTRIBUTE, CLASS, METHOD} from './types.ts';
import {readXorAddress, type TransportAddress} from './xor-address.ts';
import type {StunWire} from './wire.ts';

export interface TurnCredentials {
  username: string;
  credential: string;
}

/** A nonce that has become stale is replaced once; a server that calls every one stale is broken. */
const TRIES = 3;

/** Allocate and Refresh with long-term credentials (RFC 8656 sections 7 and 8), and nothing else of TURN. */
export class TurnDialog {
  readonly #wire: StunWire;
  readonly #credentials: TurnCredentials;
  readonly #deadlineMs: number;
  #realm: Uint8Array | undefined;
  #nonce: Uint8Array | undefined;

  /** `deadlineMs`: for each request. */
  constructor(wire: StunWire, credentials: TurnCredentials, deadlineMs: number) {
    this.#wire = wire;
    this.#credentials = credentials;
    this.#deadlineMs = deadlineMs;
  }

  /** `family`: of the relayed address. @default IPv4. Errors: ICE_SERVER_SILENT, TURN_REFUSED (credentials), TURN_FULL, TURN_ERROR. */
  async allocate(
    lifetimeS: number,
    family?: 4 | 6,
  ): Promise<{relayed: TransportAddress; mapped?: TransportAddress; lifetimeS: number}> {
    const answer = await this.#exchange(METHOD.allocate, lifetimeS, family);
    const relayed = addressIn(answer, ATTRIBUTE.xorRelayedAddress);
    if (relayed === undefined) throw turnError(0);
    const mapped = addressIn(answer, ATTRIBUTE.xorMappedAddress);
    const lifetime = answer.attribute(ATTRIBUTE.lifetime);
    return {
      relayed,
      ...(mapped !== undefined && {mapped}),
      lifetimeS: lifetime?.length === 4 ? readUint32(lifetime, 0) : lifetimeS,
    };
  }

  /** Ends the allocation of this 5-tuple; there being none is fine. */
  async release(): Promise<void> {
    try {
      await this.#exchange(METHOD.refresh, 0);
    } catch (error) {
      if (!(error instanceof QuiverError) || error.code !== 'TURN_NO_ALLOCATION') throw error;
    }
  }

  async #exchange(method: number, lifetimeS: number, family?: 4 | 6): Promise<StunMessage> {
    let code = 0;
    for (let round = 0; round < TRIES; round++) {
      const answer = await this.#wire.request(this.#request(method, lifetimeS, family), this.#deadlineMs);
      if (answer.class === CLASS.success && this.#isSigned(answer)) return answer;
      const value = answer.attribute(ATTRIBUTE.errorCode);
      code = (value === undefined ? undefined : readErrorCode(value)?.code) ?? 0;
      const challenged = code === ERROR_CODE.unauthenticated && this.#nonce === undefined;
      if (!challenged && code !== ERROR_CODE.staleNonce) break;
      this.#realm = copy(answer.attribute(ATTRIBUTE.realm)) ?? this.#realm;
      this.#nonce = copy(answer.attribute(ATTRIBUTE.nonce));
    }
    throw turnError(code);
  }

  /** Whoever answers knows the credentials too, unless none were asked for (RFC 8489 section 9.2.5). */
  #isSigned(answer: StunMessage): boolean {
    return this.#realm === undefined || verifyIntegrity(answer, this.#key(this.#realm));
  }

  #key(realm: Uint8Array): Buffer {
    const {username, credential} = this.#credentials;
    return longTermKey(username, Buffer.from(realm).toString(), credential, 'md5');
  }

  #request(method: number, lifetimeS: number, family: 4 | 6 | undefined): Buffer {
    const builder = new MessageBuilder(method, CLASS.request);
    builder.addUint32(ATTRIBUTE.lifetime, lifetimeS);
    if (method === METHOD.allocate) builder.add(ATTRIBUTE.requestedTransport, writeRequestedTransport(TRANSPORT_UDP));
    if (family !== undefined) builder.add(ATTRIBUTE.requestedAddressFamily, writeAddressFamily(family));
    if (this.#realm === undefined || this.#nonce === undefined) return builder.fingerprint().build();
    const {username} = this.#credentials;
    builder.add(ATTRIBUTE.username, username).add(ATTRIBUTE.realm, this.#realm).add(ATTRIBUTE.nonce, this.#nonce);
    return builder.integrity(this.#key(this.#realm), 'sha1').fingerprint().build();
  }
}

function addressIn(message: StunMessage, type: number): TransportAddress | undefined {
  const value = message.attribute(type);
  return value === undefined ? undefined : readXorAddress(value, message.transactionId);
}

function copy(bytes: Uint8Array | undefined): Uint8Array | undefined {
  return bytes === undefined ? undefined : Uint8Array.from(bytes);
}

function turnError(code: number): QuiverError {
  if (code === ERROR_CODE.unauthenticated || code === ERROR_CODE.wrongCredentials) {
    return new QuiverError({
      code: 'TURN_REFUSED',
      message: 'The TURN server refuses the credentials',
      fix: 'Time-limited credentials end by the clock: compare date -u on both machines, and the secret of TURN with that of the ICE API.',
      exit: EXIT.refused,
    });
  }
  if (code === ERROR_CODE.allocationMismatch) {
    return new QuiverError({code: 'TURN_NO_ALLOCATION', message: 'There is no such allocation', fix: 'Nothing to do.'});
  }
  if (code === ERROR_CODE.allocationQuotaReached || code === ERROR_CODE.insufficientCapacity) {
    return new QuiverError({
      code: 'TURN_FULL',
      message:
        code === ERROR_CODE.allocationQuotaReached
          ? 'The TURN server gives this user no more allocations'
          : 'The TURN server is full',
      fix: 'Close other connections and try again, or name another TURN server.',
    });
  }
  return new QuiverError({
    code: 'TURN_ERROR',
    message: code === 0 ? 'The TURN server answers with something that is not TURN' : `The TURN server answers ${code}`,
    fix: 'Look into the log of the TURN server, or name another one.',
  });
}
