import {createHash} from 'node:crypto';

import type {PrivateKey} from '@libp2p/interface';

import {equalBytes, utf8} from '../core/bytes.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import {openEnvelope, sealEnvelope, type EnvelopeKind} from '../records/envelope.ts';
import {peerToKey} from '../records/peer-key.ts';

/** What an offer or answer is signed for, so that it counts in no other place. */
export interface DescriptionContext {
  type: 'offer' | 'answer';
  room: string;
  /** Peer ids. */
  from: string;
  to: string;
  /** Of one negotiation. */
  session: string;
  /** An answer names the offer that it answers, as it was signed. */
  offer?: string;
}

const KIND: EnvelopeKind = {
  record: 'connection description',
  domain: 'quiver-ice-description',
  payloadType: '/quiver/ice-description/1',
  // A digest of 32 bytes, a key, a signature and their framing are 170.
  maxBytes: 512,
};

const AUTH_LINE = /^a=quiver-auth:([A-Za-z0-9+/]{1,684}={0,2})\r?\n/m;

/**
 * Adds the peer key's signature over a description and its context to the SDP, as a session-level attribute that other
 * implementations pass over. The SDP holds the fingerprint of the DTLS certificate, so whoever carries the messages
 * can't put itself between the peers.
 */
export async function signDescription(sdp: string, context: DescriptionContext, key: PrivateKey): Promise<string> {
  const envelope = await sealEnvelope(KIND, digestOf(sdp, context), key);
  const at = sdp.search(/^m=/m);
  const end = at === -1 ? sdp.length : at;
  return `${sdp.slice(0, end)}a=quiver-auth:${Buffer.from(envelope).toString('base64')}\r\n${sdp.slice(end)}`;
}

/** The SDP without its signature, if that is by `context.from`. Errors: ICE_DESCRIPTION_FORGED. */
export async function openDescription(signed: string, context: DescriptionContext): Promise<string> {
  const match = AUTH_LINE.exec(signed);
  const expected = peerToKey(context.from);
  if (match === null || expected === undefined) throw forged(context.from, 'it is not signed');
  const sdp = signed.slice(0, match.index) + signed.slice(match.index + match[0].length);
  const {payload, peerKey} = await openEnvelope(KIND, Buffer.from(match[1] ?? '', 'base64')).catch((cause: unknown) => {
    throw forged(context.from, 'its signature is wrong', cause);
  });
  if (!equalBytes(peerKey, expected)) throw forged(context.from, 'somebody else signed it');
  if (!equalBytes(payload, digestOf(sdp, context))) throw forged(context.from, 'it was changed on its way');
  return sdp;
}

function digestOf(sdp: string, {type, room, from, to, session, offer}: DescriptionContext): Uint8Array {
  const offered = offer === undefined ? '' : createHash('sha256').update(offer).digest('hex');
  return createHash('sha256')
    .update(utf8(JSON.stringify([type, room, from, to, session, offered, sdp])))
    .digest();
}

function forged(from: string, reason: string, cause?: unknown): QuiverError {
  return new QuiverError({
    code: 'ICE_DESCRIPTION_FORGED',
    message: `A connection in the name of ${from} was refused: ${reason}`,
    fix: 'Both sides need quiver of the same kind. If they have it, the signalling server changes what it passes on: use another.',
    exit: EXIT.refused,
    cause,
  });
}
