import {createHmac} from 'node:crypto';

import * as fc from 'fast-check';
import {expect, it} from 'vitest';

import {hmac} from '../../../src/lib/stun/hmac.ts';

it('is what createHmac gives, for any key and any length', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('sha1' as const, 'sha256' as const),
      fc.uint8Array({maxLength: 140}),
      fc.uint8Array({maxLength: 300}),
      (algorithm, key, message) => {
        expect(hmac(algorithm, key, message)).toEqual(createHmac(algorithm, key).update(message).digest());
      },
    ),
  );
  for (const length of [1983, 1984, 1985, 2048, 65_535]) {
    const message = Buffer.alloc(length, 7);
    expect(hmac('sha256', message, message)).toEqual(createHmac('sha256', message).update(message).digest());
  }
});
