import * as attributes from '../../../../src/lib/stun/attributes.ts';
import {parseEndpoint} from '../../../../src/lib/stun/endpoint.ts';
import {writeErrorCode, writeUnknownAttributes} from '../../../../src/lib/stun/error-code.ts';
import {MessageBuilder} from '../../../../src/lib/stun/message-builder.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../../../../src/lib/stun/types.ts';
import {writeAddress, writeXorAddress} from '../../../../src/lib/stun/xor-address.ts';
import {writeChannelNumber, writeEvenPort} from '../../../support/stun-attributes.ts';

export const ID = Buffer.from('0102030405060708090a0b0c', 'hex');
export const KEY = Buffer.from('0123456789abcdef');
export const PEER4 = parseEndpoint('203.0.113.9', 40_000)!;
export const PEER6 = parseEndpoint('2001:db8::9', 50_000)!;

const build = (method: number, messageClass: 0 | 1 | 2 | 3): MessageBuilder =>
  new MessageBuilder(method, messageClass, ID);

export const channelData = (channel: number, data: Uint8Array): Buffer => {
  const header = Buffer.alloc(4);
  header.writeUInt16BE(channel, 0);
  header.writeUInt16BE(data.length, 2);
  return Buffer.concat([header, data]);
};

export const bindingRequest = build(METHOD.binding, CLASS.request).build();

/** One well-formed packet of each kind that a server or client may get. */
export const PACKETS: readonly Buffer[] = [
  bindingRequest,
  build(METHOD.binding, CLASS.request).add(ATTRIBUTE.software, 'client').fingerprint().build(),
  build(METHOD.binding, CLASS.request)
    .add(ATTRIBUTE.changeRequest, attributes.writeChangeRequest({address: true, port: true}))
    .build(),
  build(METHOD.binding, CLASS.success)
    .add(ATTRIBUTE.xorMappedAddress, writeXorAddress(PEER6, ID))
    .add(ATTRIBUTE.otherAddress, writeAddress(PEER4))
    .fingerprint()
    .build(),
  build(METHOD.allocate, CLASS.request)
    .add(ATTRIBUTE.requestedTransport, attributes.writeRequestedTransport(attributes.TRANSPORT_UDP))
    .add(ATTRIBUTE.requestedAddressFamily, attributes.writeAddressFamily(6))
    .addUint32(ATTRIBUTE.lifetime, 600)
    .add(ATTRIBUTE.evenPort, writeEvenPort(true))
    .add(ATTRIBUTE.username, '1700000000:did:peers:alice')
    .add(ATTRIBUTE.realm, 't.example')
    .add(ATTRIBUTE.nonce, 'obMatJos2AAAB0123456789')
    .add(ATTRIBUTE.passwordAlgorithm, attributes.writePasswordAlgorithms(2))
    .integrity(KEY, 'sha1')
    .integrity(KEY, 'sha256')
    .fingerprint()
    .build(),
  build(METHOD.allocate, CLASS.error)
    .add(ATTRIBUTE.errorCode, writeErrorCode(401))
    .add(ATTRIBUTE.unknownAttributes, writeUnknownAttributes([0x0024, 0x0026]))
    .add(ATTRIBUTE.passwordAlgorithms, attributes.writePasswordAlgorithms(2, 1))
    .build(),
  build(METHOD.channelBind, CLASS.request)
    .add(ATTRIBUTE.channelNumber, writeChannelNumber(0x4001))
    .add(ATTRIBUTE.xorPeerAddress, writeXorAddress(PEER4, ID))
    .integrity(KEY, 'sha256')
    .build(),
  build(METHOD.send, CLASS.indication)
    .add(ATTRIBUTE.xorPeerAddress, writeXorAddress(PEER4, ID))
    .add(ATTRIBUTE.data, Buffer.from('hello'))
    .build(),
  build(METHOD.send, CLASS.indication)
    .add(ATTRIBUTE.xorPeerAddress, writeXorAddress(PEER6, ID))
    .add(ATTRIBUTE.data, Buffer.alloc(160, 7))
    .fingerprint()
    .build(),
  channelData(0x4001, Buffer.from('hello')),
  channelData(0x4fff, Buffer.alloc(0)),
];
