import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {AddressMap, RecentAddresses} from '../../../../src/lib/turn/io/address-map.ts';
import {EndpointCache} from '../../../../src/lib/turn/io/endpoint-cache.ts';

const address = fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::1');
const port = fc.integer({min: 1, max: 4});

describe('AddressMap', () => {
  it('holds what a map with one key would', () => {
    const step = fc.record({address, port, remove: fc.boolean()});
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const model = new Map<string, number>();
        const map = new AddressMap<number>();
        for (const [value, each] of steps.entries()) {
          const key = `${each.address} ${each.port}`;
          if (each.remove) {
            model.delete(key);
            map.delete(each.address, each.port);
          } else {
            model.set(key, value);
            map.set(each.address, each.port, value);
          }
          expect(map.get(each.address, each.port)).toBe(model.get(key));
          expect(map.size).toBe(model.size);
        }
        expect(new Set(map.values())).toEqual(new Set(model.values()));
      }),
    );
  });
});

describe('RecentAddresses', () => {
  it('keeps what is asked for, and no more than two generations', () => {
    const recent = new RecentAddresses<number>(10);
    for (let index = 0; index < 1_000; index += 1) {
      recent.set('192.0.2.1', index, index);
      recent.set('198.51.100.1', 1, 1);
      expect(recent.get('198.51.100.1', 1)).toBe(1);
      expect(recent.size).toBeLessThanOrEqual(20);
    }
    expect(recent.get('192.0.2.1', 999)).toBe(999);
    expect(recent.get('192.0.2.1', 900)).toBeUndefined();
  });
});

describe('EndpointCache', () => {
  it('gives the same object for the same address, from text or from bytes', () => {
    const cache = new EndpointCache();
    const fromText = cache.fromText('2001:db8::7', 3478);
    expect(cache.fromBytes(fromText.bytes, 3478)).toBe(fromText);
    expect(cache.fromBytes(Uint8Array.of(203, 0, 113, 7), 9)).toBe(cache.fromText('203.0.113.7', 9));
    expect(cache.fromText('203.0.113.7', 9)).toMatchObject({family: 4, key: '203.0.113.7:9'});
  });

  it('leaves zones out', () => {
    const cache = new EndpointCache();
    expect(cache.fromText('fe80::1%eth0', 1)).toMatchObject({family: 6, address: 'fe80::1', key: '[fe80::1]:1'});
  });
});
