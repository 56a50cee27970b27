// Whatever bytes come: nothing throws, nothing is read that was not given, and what is accepted lies inside.
import {describe, expect, it} from 'vitest';

import * as attributes from '../../../src/lib/stun/attributes.ts';
import {answerBinding} from '../../../src/lib/stun/binding-server.ts';
import {readErrorCode} from '../../../src/lib/stun/error-code.ts';
import {FrameReader} from '../../../src/lib/stun/frame-reader.ts';
import {verifyIntegrity} from '../../../src/lib/stun/integrity.ts';
import {decodeMessage} from '../../../src/lib/stun/message.ts';
import type {StunMessage} from '../../../src/lib/stun/message.ts';
import {channelDataEnd, channelOf, SendIndication} from '../../../src/lib/stun/relay-frames.ts';
import {ATTRIBUTE} from '../../../src/lib/stun/types.ts';
import {readAddress, readXorAddress} from '../../../src/lib/stun/xor-address.ts';
import {readUnknownAttributes} from '../../support/stun-attributes.ts';
import {Dice, guarded, mutate} from './support/mutate.ts';
import {KEY, PACKETS, PEER4} from './support/packets.ts';

const ROUNDS = process.env['QUIVER_DEEP'] === '1' ? 1_000_000 : 20_000;
/** The guard makes reading a hundred times slower. */
const GUARDED_EVERY = 8;
const SEED = Number(process.env['QUIVER_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

const READERS: readonly ((value: Uint8Array) => unknown)[] = [
  readAddress,
  readErrorCode,
  readUnknownAttributes,
  attributes.readAddressFamily,
  attributes.readChangeRequest,
  attributes.readChannelNumber,
  attributes.readEvenPort,
  attributes.readLifetime,
  attributes.readPasswordAlgorithm,
  attributes.readPasswordAlgorithms,
  attributes.readRequestedTransport,
];

const indication = new SendIndication();

/** Everything that a server does with a datagram; what it came to, for a comparison. */
function handle(bytes: Uint8Array): string {
  const found: unknown[] = [channelOf(bytes) === 0 ? 0 : channelDataEnd(bytes) <= bytes.length];
  if (indication.read(bytes)) {
    expect(indication.dataEnd).toBeLessThanOrEqual(bytes.length);
    found.push(indication.port, indication.address.join('.'), indication.dataStart, indication.dataEnd);
  }
  const message = decodeMessage(bytes);
  if (message !== undefined) found.push(...readAll(message, bytes.length));
  return JSON.stringify(found);
}

function readAll(message: StunMessage, length: number): unknown[] {
  const found: unknown[] = [message.method, message.class, message.unknownRequired, message.fingerprinted];
  for (const type of Object.values(ATTRIBUTE)) {
    const at = message.locate(type);
    const value = message.attribute(type);
    if (value === undefined) continue;
    expect(at + value.length).toBeLessThanOrEqual(length);
    found.push(type, Buffer.from(value).toString('hex'), readXorAddress(value, message.transactionId)?.port);
    for (const read of READERS) found.push(read(value));
  }
  found.push(verifyIntegrity(message, KEY));
  const answer = answerBinding(message, PEER4);
  if (answer !== undefined) expect(decodeMessage(answer.bytes)).toBeDefined();
  return found;
}

describe(`${ROUNDS} mutated packets`, () => {
  it('throw nothing and read nothing else, alone in a datagram', {timeout: 600_000}, () => {
    const dice = new Dice(SEED);
    let accepted = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const packet = mutate(PACKETS, dice);
      const where = `seed ${SEED} round ${round}: ${packet.toString('hex')}`;
      try {
        const result = handle(packet);
        if (result !== '[0]') accepted++;
        // Between other bytes, as in the buffer of a batch or a stream.
        const around = Buffer.concat([Buffer.alloc(8, 0xff), packet, Buffer.alloc(64, 0xff)]);
        expect(handle(around.subarray(8, 8 + packet.length))).toBe(result);
        if (round % GUARDED_EVERY === 0) expect(handle(guarded(packet))).toBe(result);
      } catch (error) {
        throw new Error(where, {cause: error});
      }
    }
    // Otherwise the mutations are so coarse that nothing gets past the first check.
    expect(accepted).toBeGreaterThan(ROUNDS / 20);
    expect(accepted).toBeLessThan(ROUNDS * 0.9);
  });

  it('throw nothing in a stream, whose reader keeps one frame at most', {timeout: 600_000}, () => {
    const dice = new Dice(SEED + 1);
    let reader = new FrameReader({maxFrameBytes: 2048});
    for (let round = 0; round < ROUNDS; round++) {
      const packet = dice.roll(4) === 0 ? mutate(PACKETS, dice) : dice.pick(PACKETS);
      const going = reader.push(packet, (frame) => {
        expect(frame.length).toBeLessThanOrEqual(2048);
        handle(frame);
      });
      expect(reader.pendingBytes).toBeLessThan(2048 + 4);
      if (!going) reader = new FrameReader({maxFrameBytes: 2048});
    }
  });
});
