import {peerIdFromString} from '@libp2p/peer-id';
import {multiaddr} from '@multiformats/multiaddr';
import * as fc from 'fast-check';
import {expect, test} from 'vitest';

import {
  decodeHopRequest,
  decodeStopStatus,
  encodeHopStatus,
  encodeStopConnect,
  encodeVoucher,
  STATUS,
} from '../../../../src/lib/p2p/relay/messages.ts';
import {Reservations} from '../../../../src/lib/p2p/relay/reservations.ts';

/** Blanks are for the reader. */
const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

// Worked out by hand from the protobuf in libp2p/specs relay/circuit-v2.md.
test('messages are those of the specification', () => {
  expect(encodeHopStatus(STATUS.noReservation)).toEqual(bytesOf('0802 28cc01'));
  expect(encodeHopStatus(STATUS.ok, undefined, {durationSeconds: 120, dataBytes: 131_072n})).toEqual(
    bytesOf('0802 2206 0878 10808008 2864'),
  );
  expect(encodeStopConnect(Uint8Array.of(1, 2), {durationSeconds: 1, dataBytes: 2n})).toEqual(
    bytesOf('0800 1204 0a020102 1a04 0801 1002'),
  );
  const grant = {expire: 300n, addresses: [Uint8Array.of(9)], voucher: Uint8Array.of(8, 8)};
  expect(encodeHopStatus(STATUS.ok, grant)).toEqual(bytesOf('0802 1a0a 08ac02 120109 1a020808 2864'));
  expect(encodeVoucher(Uint8Array.of(1), Uint8Array.of(2), 3n)).toEqual(bytesOf('0a0101 120102 1803'));
  expect(decodeHopRequest(bytesOf('0800'))).toEqual({type: 'reserve'});
  expect(decodeHopRequest(Uint8Array.of(0x08, 1, 0x12, 4, 0x0a, 2, 1, 2))).toEqual({
    type: 'connect',
    peer: Uint8Array.of(1, 2),
  });
  expect(decodeHopRequest(bytesOf('0802'))).toEqual({type: 'other'});
  expect(decodeStopStatus(bytesOf('08012064'))).toBe(100);
});

test('no bytes make the decoders do anything but decode or throw an error', () => {
  fc.assert(
    fc.property(fc.uint8Array({maxLength: 200}), (bytes) => {
      for (const decode of [decodeHopRequest, decodeStopStatus]) {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }
    }),
  );
});

test('slots expire on a clock of their own, are renewed, and are counted by subnet', () => {
  const slots = new Reservations({maxReservations: 2, maxReservationsPerSubnet: 1, reservationTtlMs: 1_000});
  const peers = [
    '12D3KooWHn8txawd1ZNkwEV6N57p4EN7HVae1ud58WVCF1otEm56',
    '12D3KooWBP6ADVRXLXJo9z3PHM2dpvGkBDHL12c5RrVbfb9Xcrrr',
    '12D3KooWGStbQ8XWtQNQvASUWcv7H7VaC8gyuQBzxT6i7jyabArY',
  ].map((text) => peerIdFromString(text));
  const at = (last: number) => multiaddr(`/ip4/198.51.${last}.1/tcp/4001`);
  expect(slots.reserve(peers[0]!, at(1), 0)).toBeUndefined();
  expect(slots.reserve(peers[1]!, at(1), 0)).toBe('subnet_full');
  expect(slots.reserve(peers[1]!, at(2), 0)).toBeUndefined();
  expect(slots.reserve(peers[2]!, at(3), 500)).toBe('full');
  expect(slots.reserve(peers[0]!, at(1), 900)).toBeUndefined();
  expect(slots.has(peers[1]!, 1_001)).toBe(false);
  expect(slots.has(peers[0]!, 1_001)).toBe(true);
  expect(slots.reserve(peers[2]!, at(3), 1_001)).toBeUndefined();
  expect(slots.size).toBe(2);
  expect(slots.release(peers[2]!)).toBe(true);
  expect(slots.release(peers[2]!)).toBe(false);
});
