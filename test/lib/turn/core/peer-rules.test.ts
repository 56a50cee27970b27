import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {isSpecialPurpose, parseIp} from '../../../../src/lib/core/ip-address.ts';
import {PeerRules} from '../../../../src/lib/turn/core/peer-rules.ts';
import type {PeerRulesOptions} from '../../../../src/lib/turn/core/peer-rules.ts';

const bytesOf = (address: string): Uint8Array => parseIp(address)!.bytes;

function judge(options: Partial<PeerRulesOptions> = {}): (address: string) => 'any' | 'relay' | 'none' {
  const rules = new PeerRules({allow: [], deny: [], ownRelays: [], relayPorts: [50_000, 50_099], ...options});
  return (address) => {
    const ports = rules.ports(bytesOf(address));
    if (ports === undefined) return 'none';
    return ports.first === 50_000 && ports.last === 50_099 ? 'relay' : 'any';
  };
}

describe('PeerRules', () => {
  it('lets public addresses be peers', () => {
    for (const address of ['8.8.8.8', '1.1.1.1', '223.255.255.255', '2a00:1450::1', '2606:4700::1111']) {
      expect(judge()(address), address).toBe('any');
    }
  });

  it('denies what has a special purpose, multicast and broadcast', () => {
    for (const address of [
      '0.0.0.0',
      '0.1.2.3',
      '10.0.0.1',
      '100.64.0.1',
      '127.0.0.1',
      '127.255.255.254',
      '169.254.169.254',
      '172.16.0.1',
      '172.31.255.255',
      '192.0.0.1',
      '192.0.2.1',
      '192.168.0.1',
      '198.18.0.1',
      '198.51.100.1',
      '203.0.113.1',
      '224.0.0.1',
      '239.255.255.255',
      '240.0.0.1',
      '255.255.255.255',
      '::',
      '::1',
      'fe80::1',
      'fc00::1',
      'fd12::1',
      'ff02::1',
      '2001:db8::1',
      '100::1',
      '2001:2::1',
    ]) {
      expect(judge()(address), address).toBe('none');
    }
  });

  it('denies IPv6 that carries a denied IPv4', () => {
    for (const address of [
      '::ffff:127.0.0.1',
      '::127.0.0.1',
      '::ffff:10.0.0.1',
      '64:ff9b::127.0.0.1',
      '64:ff9b::10.0.0.1',
      '64:ff9b:1::10.0.0.1',
      '2002:7f00:1::',
      '2002:a00:1::1',
      '2001:0:0:0:0:0:80ff:fffe',
    ]) {
      expect(judge()(address), address).toBe('none');
      expect(judge({allow: ['::/0']})(address), address).toBe('none');
    }
  });

  it('allows what the operator allows, and not what he denies beside', () => {
    const inside = judge({allow: ['10.0.0.0/8', 'fd00::/8'], deny: ['10.9.0.0/16', '8.8.8.8']});
    expect(['10.1.2.3', 'fd00::7', '10.9.1.1', '192.168.0.1', '8.8.8.8', '8.8.4.4'].map(inside)).toEqual([
      'any',
      'any',
      'none',
      'none',
      'none',
      'any',
    ]);
    expect(judge({allow: ['0.0.0.0/0', '::/0']})('224.0.0.1')).toBe('none');
    expect(judge({allow: ['0.0.0.0/0', '::/0']})('ff02::1')).toBe('none');
  });

  it('opens relay ports at own addresses that would be denied, and all ports where they would not', () => {
    const own = judge({ownRelays: ['10.0.0.5', '9.9.9.9', '1.2.3.4'], deny: ['1.2.3.0/24']});
    expect(['10.0.0.5', '10.0.0.6', '9.9.9.9', '1.2.3.4', '1.2.3.5'].map(own)).toEqual([
      'relay',
      'none',
      'any',
      'relay',
      'none',
    ]);
  });

  it('agrees with the tables of IANA for every address, and an IPv4-mapped one is never a peer', () => {
    const rules = new PeerRules({allow: [], deny: [], ownRelays: [], relayPorts: [1, 2]});
    fc.assert(
      fc.property(fc.uint8Array({minLength: 4, maxLength: 4}), (bytes) => {
        const open = isSpecialPurpose(bytes) === undefined && bytes[0]! < 224;
        expect(rules.ports(bytes) !== undefined).toBe(open);
        expect(rules.ports(Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...bytes]))).toBeUndefined();
        const nat64 = rules.ports(Uint8Array.from([0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, ...bytes]));
        expect(!open && nat64 !== undefined).toBe(false);
      }),
    );
  });

  it('refuses words that are no addresses', () => {
    expect(() => judge({deny: ['10.0.0.0/33']})).toThrow('10.0.0.0/33');
  });
});
