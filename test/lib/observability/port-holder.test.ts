import {createSocket} from 'node:dgram';
import {once} from 'node:events';
import {createServer, type AddressInfo} from 'node:net';

import {describe, expect, it} from 'vitest';

import {describePortHolder, findPortHolder} from '../../../src/lib/observability/port-holder.ts';

describe.runIf(process.platform === 'linux')('findPortHolder', () => {
  it.each(['127.0.0.1', '::1'])('names the process that listens on a TCP port of %s', async (host) => {
    const server = createServer().listen(0, host);
    await once(server, 'listening');
    const {port} = server.address() as AddressInfo;
    expect(await findPortHolder(port)).toMatchObject({pid: process.pid});
    expect(await describePortHolder(port)).toContain(`(pid ${process.pid})`);
    server.close();
    await once(server, 'close');
    expect(await findPortHolder(port)).toBeUndefined();
    expect(await describePortHolder(port)).toBe('taken by another process');
  });

  it('names the process that has a UDP port', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    expect(await findPortHolder(socket.address().port, 'udp')).toMatchObject({pid: process.pid});
    socket.close();
  });
});
