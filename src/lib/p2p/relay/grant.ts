import type {PeerId} from '@libp2p/interface';
import {RecordEnvelope} from '@libp2p/peer-record';

import {isRelayed} from '../admission.ts';
import type {Components} from '../transports.ts';
import type {ReservationGrant} from './messages.ts';
import {encodeVoucher} from './messages.ts';

/** Domain and payload type of reservation vouchers (libp2p/specs relay/circuit-v2.md, "Reservation Vouchers"). */
const VOUCHER_DOMAIN = 'libp2p-relay-rsvp';
const VOUCHER_TYPE = Uint8Array.of(0x03, 0x02);

/** What a peer gets that was granted a slot: until when, through which addresses, and the relay's signature. */
export async function makeGrant(
  {peerId, privateKey, addressManager}: Components,
  holder: PeerId,
  ttlMs: number,
): Promise<ReservationGrant> {
  const expire = BigInt(Math.round((Date.now() + ttlMs) / 1_000));
  const payload = encodeVoucher(peerId.toMultihash().bytes, holder.toMultihash().bytes, expire);
  const record = {domain: VOUCHER_DOMAIN, codec: VOUCHER_TYPE, marshal: () => payload, equals: () => false};
  const voucher = await RecordEnvelope.seal(record, privateKey);
  const addresses = addressManager.getAddresses().filter((address) => !isRelayed(address));
  return {expire, addresses: addresses.map(({bytes}) => bytes), voucher: voucher.marshal()};
}
