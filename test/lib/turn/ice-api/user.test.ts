import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {QuiverError} from '../../../../src/lib/core/errors.ts';
import {readUser} from '../../../../src/lib/turn/ice-api/user.ts';

const read = (query: string): string => readUser(new URLSearchParams(query));

describe('the user of a request', () => {
  it.each([
    ['user_did=did:peers:alice', 'did:peers:alice'],
    ['user_did=did:web:example.com%253A8443:users:alice', 'did:web:example.com%3A8443:users:alice'],
    ['user=alice@example.org', 'alice@example.org'],
    ['other=1&user=a', 'a'],
    [`user=${'x'.repeat(256)}`, 'x'.repeat(256)],
  ])('is read from %s', (query, user) => {
    expect(read(query)).toBe(user);
  });

  it.each([
    '',
    'user=',
    'user_did=',
    'user_did=alice',
    'user_did=did:peers:',
    'user_did=did:Peers:alice',
    'user_did=did:peers:alice&user_did=did:peers:bob',
    'user_did=did:peers:alice&user=bob',
    'user=a%0Ab',
    'user=a%00b',
    'user=a+b',
    'user=%22',
    'user=%F0%9F%98%80',
    `user=${'x'.repeat(257)}`,
  ])('is refused in %j', (query) => {
    expect(() => read(query)).toThrow(expect.objectContaining({code: 'ICE_USER'}) as Error);
  });

  it('has no more than what it may have, whatever the query', () => {
    const name = fc.constantFrom('user', 'user_did', 'USER', '__proto__');
    const value = fc.oneof(fc.string({unit: 'binary'}), fc.stringMatching(/^did:[a-z]{1,5}:[a-zA-Z0-9.:%]{0,20}$/));
    const query = fc.oneof(
      fc.string(),
      fc.array(fc.tuple(name, value)).map((pairs) => new URLSearchParams(pairs).toString()),
    );
    fc.assert(
      fc.property(query, (text) => {
        try {
          expect(read(text)).toMatch(/^[\x21-\x7e]{1,256}$/);
        } catch (error) {
          expect(error).toBeInstanceOf(QuiverError);
        }
      }),
      {numRuns: 2_000},
    );
  });
});
