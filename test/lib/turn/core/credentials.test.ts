import {createHash} from 'node:crypto';

import {describe, expect, it} from 'vitest';

import {Credentials, issueCredential} from '../../../../src/lib/turn/core/credentials.ts';
import type {CredentialsOptions} from '../../../../src/lib/turn/core/credentials.ts';

const NOW = 1_900_000_000;
const REALM = 't.example';

const credentials = (options: Partial<CredentialsOptions> = {}): Credentials =>
  new Credentials({realm: REALM, secrets: ['s'], users: new Map(), ...options});

const md5 = (text: string): Buffer => createHash('md5').update(text).digest();

describe('issueCredential', () => {
  it('is what every other issuer of such credentials makes', () => {
    // printf 1900003600:did:peers:ann | openssl dgst -sha1 -hmac north -binary | base64
    expect(issueCredential({user: 'did:peers:ann', secret: 'north', nowMs: NOW * 1000 + 999})).toEqual({
      username: '1900003600:did:peers:ann',
      credential: '9Y/m82opUCbbrr/C7WAfFDKPCzM=',
      expiresAt: 1_900_003_600_000,
    });
    expect(
      issueCredential({user: 'did:peers:ann', secret: 'north', nowMs: NOW * 1000, algorithm: 'sha256'}).credential,
    ).toBe('Qheo5oDe172FXJlzeN4HtsZkKkrxbnO7/ztsz497Lu4=');
  });

  it('lives between a second and a day', () => {
    for (const lifetimeMs of [0, 999, -1, Number.NaN, 24 * 3_600_000 + 1, Infinity]) {
      expect(() => issueCredential({user: 'ann', secret: 's', lifetimeMs, nowMs: 0})).toThrow('24 hours');
    }
    expect(issueCredential({user: 'ann', secret: 's', lifetimeMs: 24 * 3_600_000, nowMs: 0}).expiresAt).toBe(
      86_400_000,
    );
  });
});

describe('Credentials', () => {
  it('takes what was issued, for the user behind the first colon', () => {
    const {username, credential} = issueCredential({user: 'did:peers:ann', secret: 's', nowMs: NOW * 1000});
    expect(credentials().find(username, NOW, 'md5')).toEqual({
      user: 'did:peers:ann',
      keys: [md5(`${username}:${REALM}:${credential}`)],
    });
  });

  it('takes what was issued with SHA-256 only where that is chosen', () => {
    const issued = issueCredential({user: 'ann', secret: 's', nowMs: NOW * 1000, algorithm: 'sha256'});
    const key = md5(`${issued.username}:${REALM}:${issued.credential}`);
    expect(credentials({algorithm: 'sha256'}).find(issued.username, NOW, 'md5')?.keys[0]).toEqual(key);
    expect(credentials().find(issued.username, NOW, 'md5')?.keys[0]).not.toEqual(key);
  });

  it('has a key for each secret', () => {
    expect(credentials({secrets: ['new', 'old']}).find(`${NOW + 1}:ann`, NOW, 'sha256')?.keys).toHaveLength(2);
  });

  it('is over at its second, and lives no longer than a day', () => {
    const found = (expiry: number): boolean => credentials().find(`${expiry}:ann`, NOW, 'md5') !== undefined;
    expect([found(NOW), found(NOW + 1), found(NOW + 86_400), found(NOW + 86_460), found(NOW + 86_461)]).toEqual([
      false,
      true,
      true,
      true,
      false,
    ]);
  });

  it('reads the expiry as digits and nothing else', () => {
    const later = String(NOW + 100);
    for (const name of [
      `+${later}:a`,
      ` ${later}:a`,
      `0${later}:a`,
      `${later}.5:a`,
      `0x71:a`,
      `1e10:a`,
      later,
      `${later}:`,
      `:${later}`,
      'ann',
      '',
      `${later} :a`,
      `-1:a`,
      `9999999999999:a`,
    ]) {
      expect(credentials().find(name, NOW, 'md5'), name).toBeUndefined();
    }
  });

  it('knows static users, by name and not by what objects have', () => {
    const some = credentials({secrets: [], users: new Map([['ann', 'pw']])});
    expect(some.find('ann', NOW, 'md5')).toEqual({user: 'ann', keys: [md5(`ann:${REALM}:pw`)]});
    for (const name of ['constructor', 'toString', '__proto__', 'Ann', 'ann ', `${NOW + 1}:ann`]) {
      expect(some.find(name, NOW, 'md5'), name).toBeUndefined();
    }
  });
});
