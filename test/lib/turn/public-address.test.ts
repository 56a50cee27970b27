import {createSocket, type Socket} from 'node:dgram';
import {once} from 'node:events';
import type {NetworkInterfaceInfo} from 'node:os';

import {afterEach, describe, expect, it} from 'vitest';

import {parseIp} from '../../../src/lib/core/ip-address.ts';
import {MessageBuilder} from '../../../src/lib/stun/message-builder.ts';
import {decodeMessage} from '../../../src/lib/stun/message.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../../../src/lib/stun/types.ts';
import {writeXorAddress} from '../../../src/lib/stun/xor-address.ts';
import {findPublicAddresses, type PublicAddressOptions} from '../../../src/lib/turn/public-address.ts';

const variable = 'QUIVER_TURN_PUBLIC_IP';
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});

function find(options: Partial<PublicAddressOptions>) {
  const interfaces = () => holding('10.0.0.2', 'fe80::1%eth0', 'fd00::2', '::1');
  const signal = AbortSignal.timeout(10_000);
  return findPublicAddresses({wanted: 'auto', loopbackOnly: false, variable, interfaces, signal, ...options});
}

function holding(...addresses: string[]): NodeJS.Dict<NetworkInterfaceInfo[]> {
  const info = (address: string) =>
    ({address, internal: address === '::1' || address === '127.0.0.1'}) as NetworkInterfaceInfo;
  return {lo: [], gone: undefined, eth0: addresses.map(info)};
}

/** A STUN server behind which this host has another address. */
async function stunServer(mapped: string): Promise<string> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  sockets.push(socket);
  await once(socket, 'listening');
  socket.on('message', (bytes, {port}) => {
    const request = decodeMessage(bytes)!;
    const address = writeXorAddress({bytes: parseIp(mapped)!.bytes, port: 1234}, request.transactionId);
    const answer = new MessageBuilder(METHOD.binding, CLASS.success, request.transactionId);
    socket.send(answer.add(ATTRIBUTE.xorMappedAddress, address).build(), port, '127.0.0.1');
  });
  return `127.0.0.1:${socket.address().port}`;
}

describe('the public address', () => {
  it('is what was given, whatever the interfaces say', async () => {
    expect(await find({wanted: ['2001:DB8::7', '192.0.2.7'], loopbackOnly: true})).toEqual({
      addresses: ['192.0.2.7', '2001:db8::7'],
      source: 'given',
      relays: [
        {address: '10.0.0.2', announced: '192.0.2.7'},
        {address: 'fd00::2', announced: '2001:db8::7'},
      ],
    });
    for (const wanted of [['turn.example'], ['0.0.0.0'], ['::'], ['10.0.0.1/8'], []]) {
      await expect(find({wanted})).rejects.toMatchObject({code: 'PUBLIC_ADDRESS_WRONG', exit: 2});
    }
  });

  it('is the loopback address on a loopback profile', async () => {
    const interfaces = () => holding('8.8.8.8');
    expect(await find({loopbackOnly: true, interfaces})).toEqual({
      addresses: ['127.0.0.1'],
      source: 'loopback',
      relays: [{address: '127.0.0.1'}],
    });
  });

  it('is that of an interface, one of each family', async () => {
    const interfaces = () => holding('10.0.0.2', '2a00::1', '2a00::2', '8.8.4.4', '8.8.8.8');
    expect(await find({interfaces})).toEqual({
      addresses: ['8.8.4.4', '2a00::1'],
      source: 'interface',
      relays: [{address: '8.8.4.4'}, {address: '2a00::1'}],
    });
  });

  it('is asked of the STUN server that was named', async () => {
    const server = await stunServer('8.8.8.8');
    const relays = [{address: '127.0.0.1', announced: '8.8.8.8'}];
    const seen = {addresses: ['8.8.8.8'], source: 'stun', relays};
    expect(await find({stunServer: server})).toEqual(seen);
    expect(await find({stunServer: `stun:${server}`})).toEqual(seen);
  });

  it('is not one that nobody could reach, though a STUN server says so', async () => {
    for (const [server, said] of [
      [await stunServer('10.0.0.2'), '10.0.0.2 of it'],
      ['127.0.0.1:1', 'could not be asked'],
    ] as const) {
      await expect(find({stunServer: server})).rejects.toMatchObject({
        code: 'PUBLIC_ADDRESS_UNKNOWN',
        message: expect.stringContaining(said) as string,
      });
    }
    await expect(find({stunServer: 'turn:turn.example'})).rejects.toMatchObject({code: 'STUN_SERVER_WRONG'});
  });

  it('is relayed from itself, where this machine has it', async () => {
    const interfaces = () => holding('127.0.0.1', 'fe80::1', '10.0.0.2', '10.0.0.3');
    expect(await find({wanted: ['10.0.0.3'], interfaces})).toMatchObject({relays: [{address: '10.0.0.3'}]});
    expect(await find({wanted: ['127.0.0.1'], interfaces})).toMatchObject({relays: [{address: '127.0.0.1'}]});
    const nat = [{address: '10.0.0.2', announced: '192.0.2.7'}];
    expect(await find({wanted: ['192.0.2.7'], interfaces})).toMatchObject({relays: nat});
    await expect(find({wanted: ['2001:db8::7'], interfaces})).rejects.toMatchObject({code: 'PUBLIC_ADDRESS_WRONG'});
  });

  it('is unknown otherwise, and the error names what says it', async () => {
    await expect(find({})).rejects.toMatchObject({
      code: 'PUBLIC_ADDRESS_UNKNOWN',
      fix: expect.stringContaining('export QUIVER_TURN_PUBLIC_IP=ADDRESS') as string,
    });
    const stopped = AbortSignal.abort(new Error('stopped'));
    await expect(find({stunServer: '127.0.0.1:1', signal: stopped})).rejects.toThrow('stopped');
  });
});
