import {
  readAddressFamily,
  readEvenPort,
  readLifetime,
  readRequestedTransport,
  TRANSPORT_UDP,
} from '../../stun/attributes.ts';
import {ERROR_CODE} from '../../stun/error-code.ts';
import type {StunMessage} from '../../stun/message.ts';
import {ATTRIBUTE} from '../../stun/types.ts';

/** What an Allocate asks for. */
export interface AllocateWish {
  family: 4 | 6;
  /** ADDITIONAL-ADDRESS-FAMILY: an IPv6 relayed address beside the IPv4 one, if there are any. */
  additional: boolean;
  even: boolean;
  /** The port after the even one, for a later Allocate. */
  reserve: boolean;
  token: Uint8Array | undefined;
}

/** RFC 8656 section 18.10 */
const TOKEN_BYTES = 8;

const BAD = ERROR_CODE.badRequest;

/** The checks of RFC 8656 section 7.2 that need nothing but the request, in its order; a number is the error to answer. */
export function readAllocateRequest(message: StunMessage): AllocateWish | number {
  // Step 3. The codec has seen to DONT-FRAGMENT, step 4: sockets here can't set DF, so it counts as unknown.
  const transport = message.attribute(ATTRIBUTE.requestedTransport);
  const protocol = transport === undefined ? undefined : readRequestedTransport(transport);
  if (protocol === undefined) return BAD;
  if (protocol !== TRANSPORT_UDP) return ERROR_CODE.unsupportedTransport;

  const token = message.attribute(ATTRIBUTE.reservationToken);
  const evenPort = message.attribute(ATTRIBUTE.evenPort);
  const requested = message.attribute(ATTRIBUTE.requestedAddressFamily);
  const additional = message.attribute(ATTRIBUTE.additionalAddressFamily);

  // Step 5: a reserved port has its parity and family already.
  if (token !== undefined) {
    const alone = evenPort === undefined && requested === undefined && additional === undefined;
    if (!alone || token.length !== TOKEN_BYTES) return BAD;
  }
  // Steps 6 and 7.
  if (requested !== undefined && additional !== undefined) return BAD;
  const family = requested === undefined ? 4 : readAddressFamily(requested);
  if (family === undefined) return BAD;
  if (family === 'unknown') return ERROR_CODE.addressFamilyNotSupported;

  const reserve = evenPort === undefined ? false : readEvenPort(evenPort);
  if (reserve === undefined) return BAD;
  // Step 8: the only additional family is IPv6, and no pair of ports is kept for two families.
  if (additional !== undefined && (readAddressFamily(additional) !== 6 || reserve)) return BAD;
  return {
    family,
    additional: additional !== undefined,
    even: evenPort !== undefined,
    reserve,
    token: token === undefined ? undefined : Uint8Array.from(token),
  };
}

/** RFC 8656 section 7.2 and 8.2: what the client asks for, from the server's default up to its maximum; undefined is a 400. */
export function readLifetimeMs(message: StunMessage, defaultMs: number, maxMs: number): number | undefined {
  const value = message.attribute(ATTRIBUTE.lifetime);
  if (value === undefined) return defaultMs;
  const seconds = readLifetime(value);
  return seconds === undefined ? undefined : Math.max(defaultMs, Math.min(seconds * 1000, maxMs));
}
