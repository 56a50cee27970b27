import {BinaryReader, BinaryWriter, WireType} from '@bufbuild/protobuf/wire';

// The messages of circuit relay v2, libp2p/specs relay/circuit-v2.md "Complete protobuf spec". Written by hand, since
// each is a handful of fields and a stranger's message has to be read with a bound on every one of them.

export const HOP_PROTOCOL = '/libp2p/circuit/relay/0.2.0/hop';
export const STOP_PROTOCOL = '/libp2p/circuit/relay/0.2.0/stop';

/** Longest message taken from a peer; a peer with thirty addresses fits. */
export const MAX_MESSAGE_BYTES = 4_096;

export const STATUS = {
  ok: 100,
  reservationRefused: 200,
  resourceLimitExceeded: 201,
  permissionDenied: 202,
  connectionFailed: 203,
  noReservation: 204,
  malformedMessage: 400,
  unexpectedMessage: 401,
} as const;

export type Status = (typeof STATUS)[keyof typeof STATUS];

const HOP_TYPE = {reserve: 0, connect: 1, status: 2} as const;
const STOP_TYPE = {connect: 0, status: 1} as const;

export type HopRequest = {type: 'reserve'} | {type: 'connect'; peer: Uint8Array} | {type: 'other'};

export interface CircuitLimit {
  /** How long a circuit lasts, in whole seconds. */
  durationSeconds: number;
  /** Bytes in each direction. */
  dataBytes: bigint;
}

export interface ReservationGrant {
  /** Unix time in seconds. */
  expire: bigint;
  addresses: readonly Uint8Array[];
  /** Signed envelope with the voucher. */
  voucher: Uint8Array;
}

/** Throws on malformed input, and on a connect request without a peer. */
export function decodeHopRequest(bytes: Uint8Array): HopRequest {
  let type: number | undefined;
  let peer: Uint8Array | undefined;
  readFields(bytes, (field, reader) => {
    if (field === 1) type = reader.uint32();
    else if (field === 2) peer = decodePeerId(reader.bytes());
    else return false;
    return true;
  });
  if (type === HOP_TYPE.reserve) return {type: 'reserve'};
  if (type !== HOP_TYPE.connect) return {type: 'other'};
  if (peer === undefined) throw new Error('connect request without a peer');
  return {type: 'connect', peer};
}

export function encodeHopStatus(status: Status, grant?: ReservationGrant, limit?: CircuitLimit): Uint8Array {
  const writer = new BinaryWriter().uint32(tag(1)).int32(HOP_TYPE.status);
  if (grant !== undefined) {
    writer.uint32(tag(3, WireType.LengthDelimited)).fork().uint32(tag(1)).uint64(grant.expire);
    for (const address of grant.addresses) writer.uint32(tag(2, WireType.LengthDelimited)).bytes(address);
    writer.uint32(tag(3, WireType.LengthDelimited)).bytes(grant.voucher).join();
  }
  if (limit !== undefined) writeLimit(writer, 4, limit);
  return writer.uint32(tag(5)).int32(status).finish();
}

export function encodeStopConnect(source: Uint8Array, limit: CircuitLimit): Uint8Array {
  const writer = new BinaryWriter().uint32(tag(1)).int32(STOP_TYPE.connect);
  writer.uint32(tag(2, WireType.LengthDelimited)).fork();
  writer.uint32(tag(1, WireType.LengthDelimited)).bytes(source).join();
  writeLimit(writer, 3, limit);
  return writer.finish();
}

/** The status that the target of a circuit answered with; undefined if it sent something else. */
export function decodeStopStatus(bytes: Uint8Array): number | undefined {
  let status: number | undefined;
  readFields(bytes, (field, reader) => {
    if (field !== 4) return false;
    status = reader.uint32();
    return true;
  });
  return status;
}

/** What the voucher of a reservation says, before it is put into a signed envelope. */
export function encodeVoucher(relay: Uint8Array, peer: Uint8Array, expire: bigint): Uint8Array {
  const writer = new BinaryWriter().uint32(tag(1, WireType.LengthDelimited)).bytes(relay);
  writer.uint32(tag(2, WireType.LengthDelimited)).bytes(peer);
  return writer.uint32(tag(3)).uint64(expire).finish();
}

function decodePeerId(bytes: Uint8Array): Uint8Array | undefined {
  let id: Uint8Array | undefined;
  readFields(bytes, (field, reader) => {
    if (field !== 1) return false;
    id = reader.bytes();
    return true;
  });
  return id;
}

function writeLimit(writer: BinaryWriter, field: number, {durationSeconds, dataBytes}: CircuitLimit): void {
  writer.uint32(tag(field, WireType.LengthDelimited)).fork();
  writer.uint32(tag(1)).uint32(durationSeconds).uint32(tag(2)).uint64(dataBytes).join();
}

/** Calls `take` for each field; it answers false for one it does not know, which is then skipped. */
function readFields(bytes: Uint8Array, take: (field: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (!take(field, reader)) reader.skip(wireType, field);
  }
}

function tag(field: number, wireType: WireType = WireType.Varint): number {
  return (field << 3) | wireType;
}
