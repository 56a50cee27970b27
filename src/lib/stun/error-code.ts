import {byteAt} from './message.ts';

/** Error codes of RFC 8489 section 14.8 and RFC 8656 section 19. */
export const ERROR_CODE = {
  badRequest: 400,
  unauthenticated: 401,
  forbidden: 403,
  unknownAttribute: 420,
  allocationMismatch: 437,
  staleNonce: 438,
  addressFamilyNotSupported: 440,
  wrongCredentials: 441,
  unsupportedTransport: 442,
  peerAddressFamilyMismatch: 443,
  allocationQuotaReached: 486,
  insufficientCapacity: 508,
} as const;

/** The value of ERROR-CODE. Without a reason phrase, which nobody needs and which would amplify what spoofed requests get. */
export function writeErrorCode(code: number, reason = ''): Buffer {
  const phrase = Buffer.from(reason);
  const value = Buffer.alloc(4 + phrase.length);
  value[2] = Math.floor(code / 100);
  value[3] = code % 100;
  value.set(phrase, 4);
  return value;
}

/** The code in an ERROR-CODE value, or undefined for anything but class 3 to 6 and number 0 to 99. */
export function readErrorCode(value: Uint8Array): {code: number; reason: string} | undefined {
  if (value.length < 4) return undefined;
  const hundreds = byteAt(value, 2) & 0x07;
  const rest = byteAt(value, 3);
  if (hundreds < 3 || hundreds > 6 || rest > 99) return undefined;
  return {code: hundreds * 100 + rest, reason: new TextDecoder().decode(value.subarray(4))};
}

/** The value of UNKNOWN-ATTRIBUTES (RFC 8489 section 14.9). */
export function writeUnknownAttributes(types: readonly number[]): Buffer {
  const value = Buffer.allocUnsafe(types.length * 2);
  types.forEach((type, index) => value.writeUInt16BE(type, index * 2));
  return value;
}
