import {describe, expect, it} from 'vitest';

import {SPECIAL_PURPOSE} from '../../../../src/lib/core/ip-address.ts';
import {turnserverConf, type ConfigFileOptions} from '../../../../src/lib/turn/coturn/config-file.ts';

const OLD = new Set([
  'no-cli',
  'no-dtls',
  'no-tlsv1',
  'no-tlsv1_1',
  'no-rfc5780',
  'no-stun-backward-compatibility',
  'no-software-attribute',
  'response-origin-only-with-rfc5780',
]);
const NEW = new Set([
  'cli',
  'dtls',
  'no-dtls',
  'tlsv1',
  'tlsv1_1',
  'rfc5780',
  'no-rfc5780',
  'stun-backward-compatibility',
  'software-attribute',
  'no-software-attribute',
  'stateless-nonce',
  'unauthorized-ratelimit',
  'unauthorized-ratelimit-rps',
  'prometheus',
  'prometheus-address',
]);
const old = {has: (option: string) => OLD.has(option)};
const latest = {has: (option: string) => NEW.has(option)};

const OPTIONS: ConfigFileOptions = {
  folder: '/run/quiver/coturn',
  listen: {
    hosts: ['192.0.2.1', '2001:db8::1'],
    port: 3478,
    tcp: true,
    tls: {port: 5349, certFile: '/etc/turn.pem', keyFile: '/etc/turn.key'},
  },
  relay: {addresses: [{address: '10.0.0.2', announced: '203.0.113.7'}], ports: [49_152, 65_535]},
  realm: 'turn.example',
  secrets: ['current-secret-of-32-characters!', 'previous-secret-of-32-characters'],
  users: new Map(),
  limits: {bytesPerSecondPerAllocation: 250_000, bytesPerSecond: 12_500_000},
  peers: {allow: ['10.9.0.0/16'], deny: ['8.8.8.0/24']},
  metricsPort: 9641,
};

const lines = (options: Partial<ConfigFileOptions> = {}, program = latest): string[] =>
  turnserverConf({...OPTIONS, ...options}, program)
    .trimEnd()
    .split('\n');

describe('the configuration of coturn', () => {
  it.each([
    ['4.6', old],
    ['4.17', latest],
  ])('for %s is this', async (version, program) => {
    await expect(turnserverConf(OPTIONS, program)).toMatchFileSnapshot(`snapshots/turnserver-${version}.conf`);
  });

  it('denies each special-purpose block and each of the operator', () => {
    const denied = lines().filter((line) => line.startsWith('denied-peer-ip='));
    expect(denied).toEqual(
      expect.arrayContaining([
        'denied-peer-ip=10.0.0.0-10.255.255.255',
        'denied-peer-ip=127.0.0.0-127.255.255.255',
        'denied-peer-ip=169.254.0.0-169.254.255.255',
        'denied-peer-ip=192.168.0.0-192.168.255.255',
        'denied-peer-ip=198.51.100.0-198.51.100.255',
        'denied-peer-ip=2002::-2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
      ]),
    );
    expect(denied.length).toBeLessThanOrEqual(SPECIAL_PURPOSE.length + 1);
    expect(lines()).toContain('allowed-peer-ip=10.9.0.0-10.9.255.255');
    expect(lines()).not.toContain('allow-loopback-peers');
    expect(lines({peers: {allow: ['127.0.0.1'], deny: []}})).toContain('allow-loopback-peers');
  });

  it('denies the own addresses that it does not relay from, unless one is allowed', () => {
    const interfaceAddresses = [
      '10.0.0.2',
      '203.0.113.7',
      '5.9.0.1',
      '5.9.0.2',
      '2a01:4f8::1',
      '2a01:4f8::2',
      'fe80::1',
      '127.0.0.1',
      '::1',
    ];
    const relay = {
      addresses: [{address: '5.9.0.1'}, {address: '2A01:4F8:0::1'}],
      ports: [49_152, 65_535] as [number, number],
    };
    const own = lines({interfaceAddresses, relay, peers: {allow: ['5.9.0.3'], deny: []}});
    expect(own).toEqual(expect.arrayContaining(['denied-peer-ip=5.9.0.2', 'denied-peer-ip=2a01:4f8::2']));
    for (const relayed of ['5.9.0.1', '2a01:4f8::1']) expect(own).not.toContain(`denied-peer-ip=${relayed}`);
    expect(lines({interfaceAddresses, relay, peers: {allow: ['5.9.0.2'], deny: []}})).toContain(
      'allowed-peer-ip=5.9.0.2',
    );
    const behindNat = lines({interfaceAddresses: ['5.9.0.7', '5.9.0.2']});
    expect(behindNat).toContain('denied-peer-ip=5.9.0.7');
  });

  it('listens on everything where it should, and without TLS or TCP where it should', () => {
    const plain = lines({listen: {hosts: ['0.0.0.0', '::'], port: 3478, tcp: false}});
    expect(plain.filter((line) => line.startsWith('listening-ip'))).toEqual([]);
    expect(plain).toEqual(expect.arrayContaining(['no-tcp', 'no-tls']));
  });

  it('tells a NAT’s outside without letting clients in, unless there are several', () => {
    expect(lines()).toContain('external-ip=203.0.113.7');
    const addresses = [...OPTIONS.relay.addresses, {address: '10.0.0.3', announced: '203.0.113.8'}];
    const two = lines({relay: {...OPTIONS.relay, addresses}});
    expect(two).toEqual(
      expect.arrayContaining(['external-ip=203.0.113.7/10.0.0.2', 'external-ip=203.0.113.8/10.0.0.3']),
    );
    const same = lines({relay: {...OPTIONS.relay, addresses: [{address: '203.0.113.7', announced: '203.0.113.7'}]}});
    expect(same.some((line) => line.startsWith('external-ip'))).toBe(false);
  });

  it('has keys instead of passwords for static users', () => {
    const users = new Map([['alice', 'password-of-alice']]);
    const text = turnserverConf({...OPTIONS, secrets: [], users}, old);
    expect(text).not.toContain('password-of-alice');
    // MD5 of alice:turn.example:password-of-alice
    expect(text).toMatch(/^user="alice:0x[0-9a-f]{32}"$/m);
    expect(text).toMatch(/^lt-cred-mech$/m);
    expect(text).not.toContain('use-auth-secret');
  });

  it('keeps secrets whole that coturn would cut', () => {
    for (const secret of ['="quoted secret=";', '"begins-and-ends"', '=begins-with-equals;']) {
      expect(lines({secrets: [secret]})).toContain(`static-auth-secret="${secret}"`);
    }
  });

  it.each<[string, Partial<ConfigFileOptions>]>([
    ['HMAC-SHA256', {credentialAlgorithm: 'sha256'}],
    ['secret and users', {users: new Map([['alice', 'password-1']])}],
    ['neither', {secrets: []}],
    ['a user with a colon', {secrets: [], users: new Map([['did:peers:alice', 'password-1']])}],
    ['a second line in the realm', {realm: 'turn.example\nno-auth'}],
    ['a path longer than a line', {folder: `/${'x'.repeat(1_100)}`}],
  ])('refuses what coturn can’t do: %s', (_what, options) => {
    expect(() => lines(options)).toThrow(expect.objectContaining({code: 'COTURN_SETTING', exit: 2}) as Error);
  });

  it('never shows a secret in what it refuses', () => {
    const secret = `${'s'.repeat(40)}\nno-auth`;
    const refusal = expect.toSatisfy(
      ({message}: Error) => message.includes('static-auth-secret') && !message.includes('ssss'),
    ) as Error;
    expect(() => lines({secrets: [secret]})).toThrow(refusal);
  });
});
