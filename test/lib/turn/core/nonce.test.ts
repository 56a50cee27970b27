import {randomBytes} from 'node:crypto';

import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {Nonces} from '../../../../src/lib/turn/core/nonce.ts';
import {endpoint} from './harness.ts';

const NOW = 1_900_000_000.5;
const here = endpoint('203.0.113.9', 4000);
const nonces = (): Nonces => new Nonces(Buffer.alloc(32, 1), 3_600_000);

describe('Nonces', () => {
  it('are 16 characters, and 29 with the cookie of RFC 8489', () => {
    const [plain, algorithms] = [nonces().issue('plain', here, NOW), nonces().issue('algorithms', here, NOW)];
    expect(plain.toString()).toMatch(/^[\w-]{16}$/);
    expect(algorithms.toString()).toMatch(/^obMatJos2AAAB[\w-]{16}$/);
    expect(algorithms.subarray(13).equals(plain)).toBe(false);
  });

  it('are good from their second for their lifetime, over the end of the 24 bits of time too', () => {
    fc.assert(
      fc.property(
        fc.integer({min: 0, max: 2 ** 40}),
        fc.integer({min: -10, max: 8000}),
        fc.constantFrom('plain', 'algorithms'),
        (at, age, kind) => {
          const nonce = nonces().issue(kind, here, at);
          expect(nonces().check(nonce, here, at + age)).toBe(age >= 0 && age < 3600 ? kind : undefined);
        },
      ),
    );
    const wrapped = nonces().issue('plain', here, 2 ** 24 - 1);
    expect(nonces().check(wrapped, here, 2 ** 24 + 1)).toBe('plain');
    expect(nonces().check(wrapped, here, 2 ** 25 - 1)).toBeUndefined();
    expect(nonces().check(wrapped, here, 1)).toBeUndefined();
  });

  it('are of no use with a bit changed, cut, lengthened, from elsewhere or with another key', () => {
    const nonce = nonces().issue('algorithms', here, NOW);
    for (let index = 0; index < nonce.length * 8; index++) {
      const changed = Buffer.from(nonce);
      changed[index >> 3] = changed[index >> 3]! ^ (1 << (index & 7));
      expect(nonces().check(changed, here, NOW)).toBeUndefined();
    }
    for (let length = 0; length < nonce.length; length++) {
      expect(nonces().check(nonce.subarray(0, length), here, NOW)).toBeUndefined();
    }
    expect(nonces().check(Buffer.concat([nonce, nonce]), here, NOW)).toBeUndefined();
    for (const there of [endpoint('203.0.113.9', 4001), endpoint('203.0.113.8', 4000), endpoint('2001:db8::1', 4000)]) {
      expect(nonces().check(nonce, there, NOW)).toBeUndefined();
    }
    expect(new Nonces(randomBytes(32), 3_600_000).check(nonce, here, NOW)).toBeUndefined();
  });

  it('of any bytes are not taken', () => {
    fc.assert(
      fc.property(fc.uint8Array({maxLength: 40}), (bytes) => {
        expect(nonces().check(bytes, here, NOW)).toBeUndefined();
      }),
    );
  });
});
