import type {PrivateKey} from '@libp2p/interface';
import {RecordEnvelope} from '@libp2p/peer-record';

import {equalBytes, utf8} from '../core/bytes.ts';
import {invalidRecord} from './record-error.ts';

/** What a kind of record puts into its envelope (libp2p RFC 0002), so that no signature counts for another kind. */
export interface EnvelopeKind {
  /** In error messages. */
  record: string;
  domain: string;
  payloadType: string;
  maxBytes: number;
}

/** Signs bytes into a libp2p envelope. Throws `RECORD_INVALID` when the result would be larger than its kind allows. */
export async function sealEnvelope(kind: EnvelopeKind, payload: Uint8Array, key: PrivateKey): Promise<Uint8Array> {
  const envelope = await RecordEnvelope.seal(
    {domain: kind.domain, codec: utf8(kind.payloadType), marshal: () => payload, equals: () => false},
    key,
  );
  const bytes = envelope.marshal();
  if (bytes.length > kind.maxBytes) {
    throw invalidRecord(kind.record, `it has ${bytes.length} bytes, more than ${kind.maxBytes}`);
  }
  return bytes;
}

/**
 * Opens a libp2p envelope of one kind: its payload, and the Ed25519 public key, 32 bytes, that signed it.
 * Throws `RECORD_INVALID` for anything else, a wrong signature included.
 */
export async function openEnvelope(
  kind: EnvelopeKind,
  bytes: Uint8Array,
): Promise<{payload: Uint8Array; peerKey: Uint8Array}> {
  const {record, maxBytes} = kind;
  if (bytes.length > maxBytes) throw invalidRecord(record, `it has ${bytes.length} bytes, more than ${maxBytes}`);
  const envelope = await certify(kind, bytes);
  if (envelope.publicKey.type !== 'Ed25519') throw invalidRecord(record, 'its key is not an Ed25519 key');
  if (!equalBytes(envelope.payloadType, utf8(kind.payloadType))) {
    throw invalidRecord(record, `its payload type is not ${kind.payloadType}`);
  }
  return {payload: envelope.payload, peerKey: envelope.publicKey.raw};
}

async function certify({record, domain}: EnvelopeKind, bytes: Uint8Array): Promise<RecordEnvelope> {
  try {
    return await RecordEnvelope.openAndCertify(bytes, domain);
  } catch (cause) {
    throw invalidRecord(record, 'its envelope is cut, or its signature is not by the key in it', cause);
  }
}
