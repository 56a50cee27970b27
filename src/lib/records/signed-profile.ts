import type {PrivateKey} from '@libp2p/interface';

import {openEnvelope, sealEnvelope, type EnvelopeKind} from './envelope.ts';
import {peerFromKey} from './peer-key.ts';
import {invalidRecord} from './record-error.ts';

const KIND: EnvelopeKind = {
  record: 'network profile',
  domain: 'quiver-network-profile',
  payloadType: '/quiver/network-profile/1',
  maxBytes: 65_536,
};

/** Stands first in the file, before the envelope in base64url. */
const HEADER = '# signed network profile: ';

/** A profile in YAML with the signature of whoever answers for it above: readable, and worth nothing when changed. */
export async function signProfile(yaml: string, key: PrivateKey): Promise<string> {
  const envelope = await sealEnvelope(KIND, Buffer.from(yaml), key);
  return `${HEADER}${Buffer.from(envelope).toString('base64url')}\n${yaml}`;
}

/**
 * The YAML of a signed profile and the peer id that signed it. Throws `RECORD_INVALID` when there is no signature, it
 * is wrong, or what can be read is not what was signed.
 */
export async function openProfile(file: string): Promise<{yaml: string; signer: string}> {
  const end = file.indexOf('\n');
  if (!file.startsWith(HEADER) || end === -1) throw invalidRecord(KIND.record, 'it is not signed');
  const bytes = Buffer.from(file.slice(HEADER.length, end), 'base64url');
  const {payload, peerKey} = await openEnvelope(KIND, bytes);
  const yaml = Buffer.from(payload).toString('utf8');
  if (yaml !== file.slice(end + 1)) throw invalidRecord(KIND.record, 'it was changed after it was signed');
  return {yaml, signer: peerFromKey(peerKey)};
}
