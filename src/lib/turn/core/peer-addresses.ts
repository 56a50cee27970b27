import type {Endpoint} from '../../stun/endpoint.ts';
import {HEADER_BYTES, padded, readUint16} from '../../stun/message.ts';
import type {StunMessage} from '../../stun/message.ts';
import {ATTRIBUTE} from '../../stun/types.ts';
import {readXorAddress} from '../../stun/xor-address.ts';
import type {TurnIo} from './io.ts';

/** All XOR-PEER-ADDRESSes that the request's integrity covers; undefined if one is malformed. */
export function readPeerAddresses(message: StunMessage, io: TurnIo): Endpoint[] | undefined {
  const {bytes} = message;
  const integrityAt = message.integrityAt === -1 ? message.integritySha256At : message.integrityAt;
  const end = integrityAt - 4;
  const found: Endpoint[] = [];
  for (let at = HEADER_BYTES; at < end;) {
    const length = readUint16(bytes, at + 2);
    if (readUint16(bytes, at) === ATTRIBUTE.xorPeerAddress) {
      const address = readXorAddress(bytes.subarray(at + 4, at + 4 + length), message.transactionId);
      if (address === undefined) return undefined;
      found.push(io.endpoint(address.bytes, address.port));
    }
    at += 4 + padded(length);
  }
  return found;
}
