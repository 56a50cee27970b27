import {networkInterfaces} from 'node:os';

import {describe, expect, it} from 'vitest';

import {parseIp} from '../../../../src/lib/core/ip-address.ts';
import {ownAddressCheck} from '../../../../src/lib/turn/io/own-address-check.ts';

const bytesOf = (text: string): Uint8Array => parseIp(text)!.bytes;

describe('ownAddressCheck', () => {
  it('knows the addresses of this machine', () => {
    const isOwn = ownAddressCheck(() => 0);
    const texts = Object.values(networkInterfaces()).flatMap((infos) => (infos ?? []).map(({address}) => address));
    expect(texts).toContain('127.0.0.1');
    for (const text of texts) expect(isOwn(bytesOf(text.replace(/%.*/u, ''))), text).toBe(true);
    expect(isOwn(bytesOf('203.0.113.77'))).toBe(false);
  });

  it('sees within ten seconds what came and went, and asks no more often', () => {
    let [nowMs, asked] = [5, 0];
    let address = '2a00::1';
    const interfaces: typeof networkInterfaces = () => {
      asked += 1;
      return {eth0: [{...networkInterfaces()['lo']![0]!, address}], down: undefined};
    };
    const isOwn = ownAddressCheck(() => nowMs, interfaces);
    expect([isOwn(bytesOf('2a00::1')), isOwn(bytesOf('2a00::2'))]).toEqual([true, false]);
    address = '2a00::2';
    nowMs += 9_999;
    expect([isOwn(bytesOf('2a00::1')), isOwn(bytesOf('2a00::2')), asked]).toEqual([true, false, 1]);
    nowMs += 1;
    expect([isOwn(bytesOf('2a00::1')), isOwn(bytesOf('2a00::2')), asked]).toEqual([false, true, 2]);
  });
});
