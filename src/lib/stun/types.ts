/** STUN and TURN methods (RFC 8489 section 18.2, RFC 8656 section 17). */
export const METHOD = {
  binding: 0x001,
  allocate: 0x003,
  refresh: 0x004,
  send: 0x006,
  data: 0x007,
  createPermission: 0x008,
  channelBind: 0x009,
} as const;

/** The two class bits of a message type (RFC 8489 section 5). */
export const CLASS = {request: 0, indication: 1, success: 2, error: 3} as const;
export type MessageClass = (typeof CLASS)[keyof typeof CLASS];

/** Attribute types of RFC 8489, RFC 8656, RFC 5780 and, for clients of its time, RFC 3489. */
export const ATTRIBUTE = {
  mappedAddress: 0x0001,
  changeRequest: 0x0003,
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  channelNumber: 0x000c,
  lifetime: 0x000d,
  xorPeerAddress: 0x0012,
  data: 0x0013,
  realm: 0x0014,
  nonce: 0x0015,
  xorRelayedAddress: 0x0016,
  requestedAddressFamily: 0x0017,
  evenPort: 0x0018,
  requestedTransport: 0x0019,
  dontFragment: 0x001a,
  messageIntegritySha256: 0x001c,
  passwordAlgorithm: 0x001d,
  userHash: 0x001e,
  xorMappedAddress: 0x0020,
  reservationToken: 0x0022,
  padding: 0x0026,
  responsePort: 0x0027,
  additionalAddressFamily: 0x8000,
  addressErrorCode: 0x8001,
  passwordAlgorithms: 0x8002,
  icmp: 0x8004,
  software: 0x8022,
  alternateServer: 0x8023,
  fingerprint: 0x8028,
  responseOrigin: 0x802b,
  otherAddress: 0x802c,
} as const;

/** From here on an attribute that isn't known may be passed over (RFC 8489 section 14). */
const FIRST_OPTIONAL = 0x8000;

/** A datagram can't be sent with DF set through Node's sockets; RFC 8656 section 7.2 then has DONT-FRAGMENT unknown. */
const NOT_SERVED: readonly number[] = [ATTRIBUTE.dontFragment];

const known = new Uint8Array(FIRST_OPTIONAL);
for (const type of Object.values(ATTRIBUTE)) {
  if (type < FIRST_OPTIONAL && !NOT_SERVED.includes(type)) known[type] = 1;
}

/** Whether an attribute must be understood, and isn't. */
export function isUnknownRequired(type: number): boolean {
  return type < FIRST_OPTIONAL && known[type] === 0;
}

/** First two bytes of a message: method and class bits interleaved (RFC 8489 section 5, figure 3). */
export function messageType(method: number, messageClass: MessageClass): number {
  return (
    (method & 0x00f) |
    ((messageClass & 1) << 4) |
    ((method & 0x070) << 1) |
    ((messageClass & 2) << 7) |
    ((method & 0xf80) << 2)
  );
}

export function methodOf(type: number): number {
  return (type & 0x000f) | ((type & 0x00e0) >> 1) | ((type & 0x3e00) >> 2);
}

export function classOf(type: number): MessageClass {
  return (((type & 0x0100) >> 7) | ((type & 0x0010) >> 4)) as MessageClass;
}
