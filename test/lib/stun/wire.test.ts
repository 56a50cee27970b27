import type {Socket} from 'node:dgram';
import {once} from 'node:events';

import {expect, it, vi} from 'vitest';

import {openWire} from '../../../src/lib/stun/wire.ts';

/** Real sockets, which of them are closed. */
const opened = vi.hoisted((): {closed: boolean}[] => []);
vi.mock('node:dgram', async (original) => {
  const dgram = await original<typeof import('node:dgram')>();
  const createSocket = (...options: Parameters<typeof dgram.createSocket>): Socket => {
    const socket = dgram.createSocket(...options);
    const state = {closed: false};
    opened.push(state);
    socket.once('close', () => (state.closed = true));
    return socket;
  };
  return {...dgram, createSocket};
});

const SERVER = {host: '127.0.0.1', port: 9, transport: 'udp'} as const;
const HERE = {localAddress: '127.0.0.1'};

it('keeps no socket of a port that it does not get, nor of a caller who has gone', async () => {
  const {createSocket} = await import('node:dgram');
  const holder = createSocket('udp4').bind(0, '127.0.0.1');
  await once(holder, 'listening');
  const localPort = holder.address().port;
  const {signal} = new AbortController();
  await expect(openWire(SERVER, {...HERE, localPort, signal})).rejects.toMatchObject({code: 'EADDRINUSE'});
  const gone = new AbortController();
  const opening = openWire(SERVER, {...HERE, signal: gone.signal});
  gone.abort();
  await expect(opening).rejects.toThrow('aborted');
  holder.close();
  await expect.poll(() => opened).toEqual([{closed: true}, {closed: true}, {closed: true}]);
});
