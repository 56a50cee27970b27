import {createSocket} from 'node:dgram';
import {once} from 'node:events';
import {createServer, type AddressInfo} from 'node:net';

import {expect, onTestFinished, test} from 'vitest';

import {isLoopbackHost, listenMultiaddrs, type SocketName, SOCKETS} from '../../../src/lib/p2p/listen.ts';
import {startNode} from '../../support/nodes.ts';

/** A port of loopback that somebody else has. */
async function takenPort(transport: 'tcp' | 'udp'): Promise<number> {
  if (transport === 'tcp') {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    return (server.address() as AddressInfo).port;
  }
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return socket.address().port;
}

test.each(Object.entries(SOCKETS))('a taken %s port is an error that names it and its flag', async (name, socket) => {
  const port = await takenPort(socket.transport);
  const listen = {host: '127.0.0.1', [name as SocketName]: port};
  await expect(startNode({roles: ['bootstrap'], listen})).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    message: expect.stringContaining(`${port}`),
    fix: expect.stringContaining(`${socket.flag} `),
  });
});

test.each([
  ['localhost', 'BAD_HOST', 2],
  ['192.0.2.254', 'HOST_NOT_HERE', 2],
])('host %s is refused', async (host, code, exit) => {
  await expect(startNode({roles: ['bootstrap'], listen: {host, tcp: 47_123}})).rejects.toMatchObject({code, exit});
});

test('each socket has an address of its own', () => {
  expect(listenMultiaddrs({host: '0.0.0.0', tcp: 4001, quic: 4001, ws: 4002, webrtcDirect: 4003})).toEqual([
    '/ip4/0.0.0.0/tcp/4001',
    '/ip4/0.0.0.0/udp/4001/quic-v1',
    '/ip4/0.0.0.0/tcp/4002/ws',
    '/ip4/0.0.0.0/udp/4003/webrtc-direct',
  ]);
  expect(listenMultiaddrs({host: '::1', tcp: 0, quic: false})).toEqual(['/ip6/::1/tcp/0']);
});

test('loopback is 127/8 and ::1', () => {
  expect(['127.0.0.1', '127.9.9.9', '::1'].every(isLoopbackHost)).toBe(true);
  expect(['0.0.0.0', '::', '10.0.0.1', '128.0.0.1'].some(isLoopbackHost)).toBe(false);
});
