import {createSocket} from 'node:dgram';
import {once} from 'node:events';

import {afterEach, expect, it} from 'vitest';

import {parseEndpoint} from '../../../src/lib/stun/endpoint.ts';
import {writeErrorCode} from '../../../src/lib/stun/error-code.ts';
import {MessageBuilder} from '../../../src/lib/stun/message-builder.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../../../src/lib/stun/types.ts';
import {UdpClient} from '../../../src/lib/stun/udp-client.ts';
import {writeXorAddress} from '../../../src/lib/stun/xor-address.ts';
import {PEER4} from './support/packets.ts';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

async function boundSocket() {
  const socket = createSocket('udp4');
  socket.bind({address: '127.0.0.1', port: 0});
  await once(socket, 'listening');
  closing.push(() => socket.close());
  return {socket, endpoint: parseEndpoint('127.0.0.1', socket.address().port)!};
}
const success = (id: Buffer): Buffer =>
  new MessageBuilder(METHOD.binding, CLASS.success, id)
    .add(ATTRIBUTE.xorMappedAddress, writeXorAddress(PEER4, id))
    .build();
const failure = (id: Buffer): Buffer =>
  new MessageBuilder(METHOD.binding, CLASS.error, id).add(ATTRIBUTE.errorCode, writeErrorCode(420)).build();

/** Asks `server`, which hands the answer to one of two sockets to send. */
async function ask(answer: (id: Buffer) => Buffer, sender: 'server' | 'other', expected: 'server' | 'other') {
  const sockets = {server: await boundSocket(), other: await boundSocket()};
  sockets.server.socket.on('message', (bytes, {port, address}) =>
    sockets[sender].socket.send(answer(Buffer.from(bytes.subarray(8, 20))), port, address),
  );
  const client = await UdpClient.open(sockets.server.endpoint);
  closing.push(() => client[Symbol.dispose]());
  const given = await client.ask(sockets.server.endpoint, {
    from: sockets[expected].endpoint,
    until: AbortSignal.timeout(200),
  });
  return given?.result.ok;
}

it('takes an answer from where it is expected, and from nowhere else', async () => {
  expect(await ask(success, 'server', 'server')).toBe(true);
  expect(await ask(success, 'other', 'other')).toBe(true);
  expect(await ask(success, 'other', 'server')).toBeUndefined();
  expect(await ask(success, 'server', 'other')).toBeUndefined();
});

it('takes a refusal from who was asked, who can send it from nowhere else', async () => {
  expect(await ask(failure, 'server', 'other')).toBe(false);
  expect(await ask(failure, 'other', 'other')).toBeUndefined();
});

it('answers nobody once it is closed', async () => {
  const {endpoint} = await boundSocket();
  const client = await UdpClient.open(endpoint);
  const asked = client.ask(endpoint, {until: new AbortController().signal});
  client[Symbol.dispose]();
  expect(await asked).toBeUndefined();
  await expect(client.ask(endpoint, {until: new AbortController().signal})).rejects.toThrow('Not running');
});
