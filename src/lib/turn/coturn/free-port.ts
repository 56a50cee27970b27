import {createSocket} from 'node:dgram';
import {once} from 'node:events';
import {createServer, isIPv6} from 'node:net';

import {QuiverError} from '../../core/errors.ts';

/** Some TCP ports of UDP's free ones are in use; so many in a row never are. */
const ATTEMPTS = 16;

/** A port of a host that was free for UDP and TCP a moment ago, for programs that can't be given one already open. */
export async function freePort(host: string): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    try {
      await once(socket.bind({address: host, port: 0, exclusive: true}), 'listening');
      const {port} = socket.address();
      if (await isFreeForTcp(host, port)) return port;
    } finally {
      socket.close();
    }
  }
  throw new QuiverError({
    code: 'NO_FREE_PORT',
    message: `No port of ${host} is free for both UDP and TCP`,
    fix: 'Name one yourself: --port 3478',
  });
}

async function isFreeForTcp(host: string, port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen({host, port, exclusive: true}), 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
