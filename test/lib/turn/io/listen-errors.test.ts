import {describe, expect, it} from 'vitest';

import {checkAddresses} from '../../../../src/lib/turn/io/listen-errors.ts';

describe('checkAddresses', () => {
  const relay = (address: string, announced?: string): Promise<void> =>
    checkAddresses(['127.0.0.1'], {
      addresses: [{address, ...(announced !== undefined && {announced})}],
      ports: [50_000, 50_100],
    });

  it('takes an address of this machine, as it is or known by another of its family', async () => {
    await relay('127.0.0.1');
    await relay('127.0.0.1', '203.0.113.5');
  });

  it.each([
    ['0.0.0.0', undefined],
    ['turn.example', undefined],
    ['203.0.113.5', undefined],
    ['127.0.0.1', '999.1.1.1'],
    ['127.0.0.1', '0.0.0.0'],
    ['127.0.0.1', '2001:db8::5'],
  ])('refuses to relay from %s, announced as %s', async (address, announced) => {
    await expect(relay(address, announced)).rejects.toMatchObject({code: 'RELAY_ADDRESS', exit: 2});
  });
});
