import {createSocket} from 'node:dgram';
import {once} from 'node:events';
import {connect} from 'node:net';
import {randomBytes} from 'node:crypto';

import {multiaddr} from '@multiformats/multiaddr';
import {expect, test} from 'vitest';

import {addressOf, startNode} from '../../support/nodes.ts';

const SAMPLES: Buffer[] = [
  Buffer.alloc(0),
  Buffer.alloc(1),
  Buffer.alloc(70_000),
  Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
  Buffer.from([0x13, ...Buffer.from('/multistream/1.0.0\n'), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
  Buffer.from([0x13, ...Buffer.from('/multistream/1.0.0\n'), 0x0b, ...Buffer.from('/tls/1.0.0\n'), 0x16, 3, 3, 0xff]),
  Buffer.from([0x13, ...Buffer.from('/multistream/1.0.0\n'), 0x07, ...Buffer.from('/noise\n'), 0, 32, 1, 2, 3]),
  // A STUN binding request cut short, and one with a USERNAME of 65,535 bytes.
  Buffer.from('000100002112a442', 'hex'),
  Buffer.from('0001000c2112a4420000000000000000000000000006ffff41414141', 'hex'),
  ...Array.from({length: 20}, () => randomBytes(1_200)),
];

async function overTcp(port: number): Promise<void> {
  await Promise.all(
    SAMPLES.map(async (sample) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.write(sample);
      await new Promise((resolve) => setTimeout(resolve, 50));
      socket.resetAndDestroy();
    }),
  );
}

async function overUdp(port: number): Promise<void> {
  const socket = createSocket('udp4');
  for (const sample of SAMPLES) socket.send(sample.subarray(0, 60_000), port, '127.0.0.1');
  await new Promise((resolve) => setTimeout(resolve, 200));
  socket.close();
}

test('rubbish on every socket: the node still answers', async () => {
  const node = await startNode({
    roles: ['bootstrap', 'relay'],
    listen: {host: '127.0.0.1', tcp: 0, quic: 0, ws: 0, webrtcDirect: 0},
  });
  for (const address of node.services.sockets.addresses()) {
    const [, socket] = address.getComponents();
    const port = Number(socket!.value);
    await (socket!.name === 'tcp' ? overTcp(port) : overUdp(port));
  }
  const client = await startNode({roles: ['client'], listen: {host: '127.0.0.1', quic: 0, ws: 0, webrtcDirect: 0}});
  for (const address of node.getMultiaddrs()) {
    const connection = await client.dial(address, {force: true});
    expect(connection.status).toBe('open');
    await connection.close();
  }
  await client.dial(multiaddr(addressOf(node)));
});
