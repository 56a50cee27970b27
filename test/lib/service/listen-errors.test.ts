import {createSocket} from 'node:dgram';
import {once} from 'node:events';
import {createServer, type AddressInfo} from 'node:net';

import {describe, expect, it, onTestFinished} from 'vitest';

import {assertIpHost, assertPortFree, explainListenError} from '../../../src/lib/service/listen-errors.ts';

const flag = (port: number): string => `--port ${port}`;
const AT = {transport: 'tcp', host: '127.0.0.1', port: 443, flag} as const;

/** What the system says, where it can't be made to say it as root. */
const systemError = (code: string): Error => Object.assign(new Error(`listen ${code}`), {code});

async function taken(transport: 'tcp' | 'udp', host: string): Promise<number> {
  const socket = transport === 'tcp' ? createServer().listen(0, host) : createSocket('udp4').bind(0, host);
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return (socket.address() as AddressInfo).port;
}

describe('assertPortFree', () => {
  it.each(['tcp', 'udp'] as const)('says of a taken %s port who has it and what moves ours', async (transport) => {
    const port = await taken(transport, '127.0.0.1');
    const at = {transport, host: '127.0.0.1', port, owner: 'the lab', flag, variable: 'LAB_PORT'};
    await expect(assertPortFree(at)).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining(`${transport.toUpperCase()} port ${port} of the lab on 127.0.0.1 is taken by`),
      fix: expect.stringMatching(/--port \d+, or any free one with --port 0 \(with `quiver run`: LAB_PORT=0\)$/),
    });
  });

  it('leaves a free port free', async () => {
    for (const transport of ['tcp', 'udp'] as const) {
      const socket = createServer().listen(0, '127.0.0.1');
      await once(socket, 'listening');
      const {port} = socket.address() as AddressInfo;
      socket.close();
      await once(socket, 'close');
      for (let round = 0; round < 3; round += 1) await assertPortFree({transport, host: '127.0.0.1', port, flag});
    }
  });

  it('says that an address is not here, or none at all', async () => {
    const host = '192.0.2.254';
    await expect(assertPortFree({...AT, host, port: 47_123})).rejects.toMatchObject({code: 'HOST_NOT_HERE', exit: 2});
    expect(() => assertIpHost('localhost')).toThrow(expect.objectContaining({code: 'BAD_HOST', exit: 2}));
    assertIpHost('::');
  });
});

describe('explainListenError', () => {
  it.each([
    ['EACCES', 'PORT_NOT_ALLOWED', '--port 8443'],
    ['EADDRNOTAVAIL', 'HOST_NOT_HERE', '--host'],
    ['EINVAL', 'HOST_NOT_HERE', '--host'],
    ['EAFNOSUPPORT', 'NO_ADDRESS_FAMILY', '--host 0.0.0.0'],
  ])('explains %s', async (system, code, fix) => {
    const cause = systemError(system);
    expect(await explainListenError(cause, AT)).toMatchObject({code, fix: expect.stringContaining(fix), cause});
  });

  it('leaves alone what is no matter of listening', async () => {
    const error = systemError('EMFILE');
    expect(await explainListenError(error, AT)).toBe(error);
  });
});
