import {createSocket} from 'node:dgram';
import {once} from 'node:events';

import {afterEach, describe, expect, it} from 'vitest';

import {writeChangeRequest} from '../../../src/lib/stun/attributes.ts';
import {MessageBuilder} from '../../../src/lib/stun/message-builder.ts';
import {decodeMessage} from '../../../src/lib/stun/message.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../../../src/lib/stun/types.ts';
import {readAddress} from '../../../src/lib/stun/xor-address.ts';
import {StunService} from '../../../src/lib/turn/stun-service.ts';
import type {StunServiceOptions} from '../../../src/lib/turn/stun-service.ts';
import {writeCertificate} from '../../support/lab/certificate.ts';
import {openSockets} from '../../support/open-sockets.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';
import {serviceContext} from './io/context.ts';
import type {TestContext} from './io/context.ts';
import {TurnClient} from './io/turn-client.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function start(
  options: Partial<StunServiceOptions> = {},
): Promise<{service: StunService; context: TestContext; port: number}> {
  const service = new StunService({
    listen: {hosts: ['127.0.0.1'], port: 0, tcp: true},
    limits: {bindingsPerSecond: 100, bindingBurst: 200},
    ...options,
  });
  closers.push(() => service.stop());
  const context = await serviceContext();
  await service.start(context);
  return {service, context, port: Number(service.info().addresses[0]?.split(':').at(-1))};
}

describe('StunService', () => {
  it('tells clients their address over UDP, TCP and TLS, and leaves nothing open', async () => {
    const before = openSockets().length;
    const tls = {port: 0, ...writeCertificate(temporaryFolder())};
    const {service, port} = await start({listen: {hosts: ['127.0.0.1'], port: 0, tcp: true, tls}});
    const {addresses} = service.info();
    expect(addresses).toEqual([`stun:127.0.0.1:${port}`, expect.stringMatching(/^stuns:127\.0\.0\.1:\d+$/)]);
    const tlsPort = Number(addresses[1]?.split(':').at(-1));
    for (const transport of ['udp', 'tcp', 'tls'] as const) {
      const at = {transport, host: '127.0.0.1', port: transport === 'tls' ? tlsPort : port};
      const client = await TurnClient.connect(at);
      const {port: own} = client.connection.socket.address() as {port: number};
      expect(await client.binding()).toEqual({address: '127.0.0.1', port: own});
      client.close();
    }
    const {ok, checks} = await service.health(AbortSignal.timeout(5_000));
    expect(checks.filter((check) => !check.ok)).toEqual([]);
    expect(ok).toBe(true);
    await service.stop();
    expect(openSockets().length).toBe(before);
  });

  it('answers one source 200 times at once, then 100 times a second, over all workers', async () => {
    const {port, context} = await start({workers: 2});
    const sockets = [createSocket('udp4'), createSocket('udp4'), createSocket('udp4'), createSocket('udp4')];
    let answers = 0;
    for (const socket of sockets) {
      closers.push(() => socket.close());
      socket.on('message', () => (answers += 1));
    }
    for (let round = 0; round < 150; round += 1) {
      for (const socket of sockets) {
        socket.send(new MessageBuilder(METHOD.binding, CLASS.request).build(), port, '127.0.0.1');
      }
      if (round % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(answers).toBeGreaterThanOrEqual(200);
    expect(answers).toBeLessThan(400);
    const text = await context.metrics.metrics();
    expect(text).toContain('quiver_stun_requests_total{service="test"} 600');
    expect(Number(/quiver_stun_rate_limited_total\{service="test"\} (\d+)/.exec(text)?.[1])).toBe(600 - answers);
  });

  it('answers from its other address and port where it has both', async () => {
    const other = createSocket('udp4').bind(0, '127.0.0.1');
    await once(other, 'listening');
    const {port: alternatePort} = other.address();
    other.close();
    const {port} = await start({
      listen: {
        hosts: ['127.0.0.1', '127.0.0.2'],
        port: 0,
        tcp: false,
        alternatePort,
        publicAddresses: ['203.0.113.1', '203.0.113.2'],
      },
    });
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    closers.push(() => socket.close());
    for (const [change, address, from] of [
      [{address: false, port: false}, '127.0.0.1', port],
      [{address: false, port: true}, '127.0.0.1', alternatePort],
      [{address: true, port: false}, '127.0.0.2', port],
      [{address: true, port: true}, '127.0.0.2', alternatePort],
    ] as const) {
      const request = new MessageBuilder(METHOD.binding, CLASS.request);
      socket.send(request.add(ATTRIBUTE.changeRequest, writeChangeRequest(change)).build(), port, '127.0.0.1');
      const [bytes, sender] = (await once(socket, 'message')) as [Buffer, {address: string; port: number}];
      expect(sender).toMatchObject({address, port: from});
      const answer = decodeMessage(bytes)!;
      expect(readAddress(answer.attribute(ATTRIBUTE.otherAddress)!)).toEqual({
        bytes: Uint8Array.of(203, 0, 113, 2),
        port: alternatePort,
      });
    }
  });

  it('has no TURN to offer', async () => {
    const {port} = await start();
    const client = await TurnClient.connect({transport: 'tcp', host: '127.0.0.1', port, timeoutMs: 300});
    closers.push(() => client.close());
    await expect(client.allocate()).rejects.toThrow(/timeout/i);
  });
});
