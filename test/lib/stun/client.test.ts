import {createSocket} from 'node:dgram';
import {once} from 'node:events';
import {mkdtempSync, readFileSync} from 'node:fs';
import {createServer} from 'node:net';
import type {AddressInfo, Server, Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createServer as createTlsServer} from 'node:tls';

import {afterEach, describe, expect, it} from 'vitest';

import {answerBinding} from '../../../src/lib/stun/binding-server.ts';
import {bindStun} from '../../../src/lib/stun/client.ts';
import {parseEndpoint} from '../../../src/lib/stun/endpoint.ts';
import {writeErrorCode} from '../../../src/lib/stun/error-code.ts';
import {FrameReader} from '../../../src/lib/stun/frame-reader.ts';
import {MessageBuilder} from '../../../src/lib/stun/message-builder.ts';
import {decodeMessage} from '../../../src/lib/stun/message.ts';
import {discoverNat} from '../../../src/lib/stun/nat-discovery.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../../../src/lib/stun/types.ts';
import {writeAddress, writeXorAddress} from '../../../src/lib/stun/xor-address.ts';
import {writeCertificate} from '../../support/lab/certificate.ts';
import {startBindingServer} from './support/binding-socket.ts';
import {PEER4} from './support/packets.ts';

const signal = new AbortController().signal;
const host = '127.0.0.1';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

/** A UDP server that does with each request what it is told to. */
async function udpServer(onRequest: (id: Buffer, reply: (bytes: Uint8Array) => void, from: AddressInfo) => void) {
  const socket = createSocket('udp4');
  socket.bind({address: host, port: 0});
  await once(socket, 'listening');
  closing.push(() => socket.close());
  socket.on('message', (bytes, from) =>
    onRequest(Buffer.from(bytes.subarray(8, 20)), (answer) => socket.send(answer, from.port, from.address), {
      ...from,
      family: 'IPv4',
    }),
  );
  return {host, port: socket.address().port};
}
const success = (id: Buffer): Buffer =>
  new MessageBuilder(METHOD.binding, CLASS.success, id)
    .add(ATTRIBUTE.xorMappedAddress, writeXorAddress(PEER4, id))
    .build();

async function listen(server: Server): Promise<number> {
  server.listen(0, host);
  await once(server, 'listening');
  closing.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Answers over a stream, byte by byte. */
function serveStream(socket: Socket): void {
  const reader = new FrameReader();
  closing.push(() => socket.destroy());
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) =>
    reader.push(chunk, (frame) => {
      const answer = answerBinding(decodeMessage(frame)!, parseEndpoint(socket.remoteAddress!, socket.remotePort!)!)!;
      for (const byte of Uint8Array.from(answer.bytes)) socket.write(Uint8Array.of(byte));
    }),
  );
}

describe('bindStun over UDP', () => {
  it.each(['127.0.0.1', '::1'])('says how a server on %s sees this host, and its second address', async (address) => {
    const server = await startBindingServer({addresses: address === '::1' ? [address] : [address, '127.0.0.2']});
    closing.push(server.close);
    const bound = await bindStun({...server, signal});
    expect(bound.mapped).toEqual(bound.local);
    expect(bound.local.address).toBe(address);
    expect(bound.rttMs).toBeGreaterThan(0);
    expect(bound.otherAddress).toEqual(server.endpoints[3]);
  });

  it('takes a name, and the family that it is told', async () => {
    const server = await startBindingServer();
    closing.push(server.close);
    expect((await bindStun({host: 'localhost', port: server.port, family: 4, signal})).local.address).toBe(host);
    const six = {host, port: server.port, family: 6, signal} as const;
    await expect(bindStun(six)).rejects.toMatchObject({code: 'STUN_HOST_UNKNOWN'});
  });

  it('asks again after 0.5 and 1 s, with the same id', async () => {
    const ids: string[] = [];
    const at: number[] = [];
    const server = await udpServer((id, reply) => {
      at.push(performance.now());
      if (ids.push(id.toString('hex')) === 3) reply(success(id));
    });
    const bound = await bindStun({...server, signal});
    expect(bound.mapped.key).toBe(PEER4.key);
    expect(new Set(ids).size).toBe(1);
    expect(at[1]! - at[0]!).toBeGreaterThan(480);
    expect(at[2]! - at[1]!).toBeGreaterThan(980);
    // Not from the first sending: what was lost says nothing about the path.
    expect(bound.rttMs).toBeLessThan(480);
  });

  it.runIf(process.env['QUIVER_DEEP'] === '1')('asks seven times in 39.5 s, as the RFC says', async () => {
    const at: number[] = [];
    const server = await udpServer(() => at.push(performance.now()));
    const started = performance.now();
    await expect(bindStun({...server, timeoutMs: 60_000, signal})).rejects.toMatchObject({code: 'STUN_NO_ANSWER'});
    expect((performance.now() - started) / 1000).toBeCloseTo(39.5, 0);
    const seconds = [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5];
    expect(at).toHaveLength(seconds.length);
    for (const [index, second] of seconds.entries()) expect((at[index]! - at[0]!) / 1000).toBeCloseTo(second, 0);
  });

  it('takes no answer with another id, of another kind, from elsewhere or without an address', async () => {
    const stranger = createSocket('udp4');
    closing.push(() => stranger.close());
    const server = await udpServer((id, reply, from) => {
      reply(success(Buffer.alloc(12, 1)));
      reply(Buffer.alloc(0));
      reply(new MessageBuilder(METHOD.binding, CLASS.request, id).build());
      reply(new MessageBuilder(METHOD.binding, CLASS.indication, id).build());
      reply(new MessageBuilder(METHOD.allocate, CLASS.success, id).build());
      stranger.send(success(id), from.port, from.address);
    });
    await expect(bindStun({...server, timeoutMs: 300, signal})).rejects.toMatchObject({code: 'STUN_NO_ANSWER'});
  });

  it('understands a server of old, which masks no address', async () => {
    const server = await udpServer((id, reply) =>
      reply(
        new MessageBuilder(METHOD.binding, CLASS.success, id).add(ATTRIBUTE.mappedAddress, writeAddress(PEER4)).build(),
      ),
    );
    expect((await bindStun({...server, signal})).mapped.key).toBe(PEER4.key);
  });

  it.each([
    [
      'an error',
      500,
      (id: Buffer) => new MessageBuilder(METHOD.binding, CLASS.error, id).add(ATTRIBUTE.errorCode, writeErrorCode(500)),
      1,
    ],
    [
      'a login',
      401,
      (id: Buffer) => new MessageBuilder(METHOD.binding, CLASS.error, id).add(ATTRIBUTE.errorCode, writeErrorCode(401)),
      4,
    ],
    ['no address', 0, (id: Buffer) => new MessageBuilder(METHOD.binding, CLASS.success, id), 1],
    [
      'what must be understood and is not',
      0,
      (id: Buffer) =>
        new MessageBuilder(METHOD.binding, CLASS.success, id)
          .add(ATTRIBUTE.xorMappedAddress, writeXorAddress(PEER4, id))
          .flag(0x7777),
      1,
    ],
  ])('fails on an answer with %s', async (_, code, answer, exit) => {
    const server = await udpServer((id, reply) => reply(answer(id).build()));
    const message = code === 0 ? /can't be understood/ : new RegExp(`with ${code}`);
    await expect(bindStun({...server, signal})).rejects.toMatchObject({code: 'STUN_REFUSED', message, exit});
  });

  it('fails at once where nobody listens', async () => {
    const gone = await startBindingServer();
    gone.close();
    await expect(bindStun({...gone, signal})).rejects.toMatchObject({code: 'STUN_UNREACHABLE'});
  });

  it('ends with its deadline or with its signal', async () => {
    const server = await udpServer(() => {});
    await expect(bindStun({...server, timeoutMs: 50, signal})).rejects.toMatchObject({
      code: 'STUN_NO_ANSWER',
      message: `No STUN answer from udp 127.0.0.1:${server.port} within 0.1 s`,
    });
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('enough')), 50);
    await expect(bindStun({...server, signal: stop.signal})).rejects.toThrow('enough');
    await expect(bindStun({...server, signal: stop.signal})).rejects.toThrow('enough');
  });
});

describe('bindStun and discoverNat', () => {
  it('leave no socket open, whatever happens', async () => {
    const open = (): number => process.getActiveResourcesInfo().filter((name) => /^(?:UDP|TCP|TLS)/.test(name)).length;
    const silent = await udpServer(() => {});
    const port = await listen(createServer((socket) => void socket.on('error', () => {}).end()));
    const before = open();
    const attempts = [
      bindStun({...silent, timeoutMs: 50, signal}),
      bindStun({host, port, transport: 'tcp', signal}),
      bindStun({host, port, transport: 'tls', signal}),
      bindStun({host: '203.0.113.1', port, timeoutMs: 50, signal: AbortSignal.abort(new Error('no'))}),
      discoverNat({servers: [silent], stepTimeoutMs: 50, signal}),
      discoverNat({servers: [silent], signal: AbortSignal.timeout(50)}),
    ];
    const ended = await Promise.allSettled(attempts);
    expect(ended.map(({status}) => status)).toEqual([
      'rejected',
      'rejected',
      'rejected',
      'rejected',
      'fulfilled',
      'rejected',
    ]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(open()).toBe(before);
  });
});

describe('bindStun over a stream', () => {
  it('works over TCP, answered byte by byte', async () => {
    const port = await listen(createServer(serveStream));
    const bound = await bindStun({host, port, transport: 'tcp', signal});
    expect(bound.mapped).toEqual(bound.local);
  });

  it('works over TLS with a certificate that is trusted, and with no other', async () => {
    const {certFile, keyFile} = writeCertificate(mkdtempSync(join(tmpdir(), 'quiver-stun-')));
    const [cert, key] = [readFileSync(certFile), readFileSync(keyFile)];
    const port = await listen(createTlsServer({cert, key, ALPNProtocols: ['stun.turn']}, serveStream));
    const bound = await bindStun({host, port, transport: 'tls', tls: {ca: cert}, signal});
    expect(bound.mapped).toEqual(bound.local);
    await expect(bindStun({host, port, transport: 'tls', signal})).rejects.toMatchObject({
      code: 'STUN_UNREACHABLE',
      message: /self-signed/,
    });
    const other = {host, port, transport: 'tls', tls: {ca: cert, servername: 'other.example'}, signal} as const;
    await expect(bindStun(other)).rejects.toMatchObject({code: 'STUN_UNREACHABLE'});
  });

  it.each([
    ['says something else', (socket: Socket) => void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['closes', (socket: Socket) => void socket.end()],
  ])('fails on a server that %s', async (_, serve) => {
    const port = await listen(createServer((socket) => serve(socket.on('error', () => {}))));
    const asked = bindStun({host, port, transport: 'tcp', signal});
    await expect(asked).rejects.toMatchObject({code: 'STUN_NOT_STUN'});
  });

  it('fails where nobody listens, and ends with its deadline or its signal where nobody answers', async () => {
    const server = createServer((socket) => socket.on('error', () => {}));
    const port = await listen(server);
    await expect(bindStun({host, port, transport: 'tcp', timeoutMs: 50, signal})).rejects.toMatchObject({
      code: 'STUN_NO_ANSWER',
    });
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('enough')), 50);
    await expect(bindStun({host, port, transport: 'tls', signal: stop.signal})).rejects.toThrow('enough');
    server.close();
    await expect(bindStun({host, port, transport: 'tcp', signal})).rejects.toMatchObject({code: 'STUN_UNREACHABLE'});
  });
});
