import {createSocket} from 'node:dgram';
import type {Socket} from 'node:dgram';

import type {BindOptions} from '../engine.ts';

/** dgram looks every destination up, even an IP address; answering at once keeps that off the event queue. */
function lookup(
  address: string,
  _options: unknown,
  callback: (error: null, address: string, family: number) => void,
): void {
  callback(null, address, address.includes(':') ? 6 : 4);
}

/** A bound UDP socket; rejects with the error of the system. */
export function bindSocket(options: BindOptions & {reusePort: boolean; bufferBytes: number}): Promise<Socket> {
  const {family, address, port, reusePort, bufferBytes} = options;
  const socket = createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    ipv6Only: family === 6,
    reusePort,
    lookup,
    recvBufferSize: bufferBytes,
    sendBufferSize: bufferBytes,
  });
  const {promise, resolve, reject} = Promise.withResolvers<Socket>();
  const onError = (error: Error): void => {
    socket.close();
    reject(error);
  };
  socket.once('error', onError);
  socket.bind({address, port, exclusive: true}, () => {
    socket.off('error', onError);
    resolve(socket);
  });
  return promise;
}

/** Resolves when the descriptor is closed. */
export function closeSocket(socket: Socket): Promise<void> {
  const {promise, resolve} = Promise.withResolvers<void>();
  socket.close(() => resolve());
  return promise;
}
