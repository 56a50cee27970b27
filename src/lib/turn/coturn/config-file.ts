import {join} from 'node:path';

import {EXIT, QuiverError} from '../../core/errors.ts';
import {isWildcard} from '../../core/interface-addresses.ts';
import {ipText, parseIp} from '../../core/ip-address.ts';
import {longTermKey} from '../../stun/integrity.ts';
import {ADMISSION_LIMITS} from '../core/local-admission.ts';
import {CORE_LIMITS, MAX_LIFETIME_MS, NONCE_LIFETIME_MS} from '../core/options.ts';
import type {CoturnOptions} from './coturn-options.ts';
import type {CoturnProgram} from './find-coturn.ts';
import {peerRanges} from './peer-ranges.ts';

/** coturn reads lines of at most 1024 characters and cuts longer ones without a word. */
const LINE_LIMIT_BYTES = 1_000;

/** Older versions do without being asked what later ones do only when asked. [how it is stopped, how later ones start it] */
const OFF: readonly (readonly [string, string])[] = [
  ['no-cli', 'cli'],
  ['no-dtls', 'dtls'],
  ['no-tlsv1', 'tlsv1'],
  ['no-tlsv1_1', 'tlsv1_1'],
  ['no-rfc5780', 'rfc5780'],
  ['no-stun-backward-compatibility', 'stun-backward-compatibility'],
  ['no-software-attribute', 'software-attribute'],
];
/** What makes it harder to flood, where it is there. */
const ON = ['stateless-nonce', 'unauthorized-ratelimit'];

export interface ConfigFileOptions extends CoturnOptions {
  /** Where its own metrics are served, on loopback; where the build has them. */
  metricsPort?: number | undefined;
  /** Those of this machine, where other services trust what comes from it. @default none are known */
  interfaceAddresses?: readonly string[];
}

/**
 * A turnserver.conf as hardened as the version allows. Secrets stand in it and nowhere else.
 * Errors: COTURN_SETTING for what coturn can't do, PEER_BLOCK.
 */
export function turnserverConf(options: ConfigFileOptions, program: Pick<CoturnProgram, 'has'>): string {
  const lines = [
    '# Written by quiver at each start of its engine coturn; changes are lost.',
    ...listening(options),
    ...relaying(options),
    ...credentials(options),
    ...quotas(options, program),
    ...hardening(program),
    ...files(options),
    ...peers(options),
    ...metrics(options, program),
  ];
  const broken = lines.find((line) => Buffer.byteLength(line) > LINE_LIMIT_BYTES || /\p{Cc}/u.test(line));
  if (broken !== undefined) throw wrong(`the setting ${broken.split('=')[0]} is too long or has control characters`);
  return `${lines.join('\n')}\n`;
}

function listening({listen}: CoturnOptions): string[] {
  const {hosts, port, tcp, tls} = listen;
  // Without an address it takes all there are.
  const all = hosts.some((host) => isWildcard(host));
  return [
    ...(all ? [] : hosts.map((host) => `listening-ip=${host}`)),
    `listening-port=${port}`,
    ...(tcp ? [] : ['no-tcp']),
    ...(tls === undefined
      ? ['no-tls']
      : [`tls-listening-port=${tls.port}`, `cert=${quoted(tls.certFile)}`, `pkey=${quoted(tls.keyFile)}`]),
  ];
}

function relaying({relay}: CoturnOptions): string[] {
  const {addresses, ports} = relay;
  const external = addresses.flatMap(({address, announced}) => {
    if (announced === undefined || announced === address) return [];
    // With its private part, coturn would let clients reach that address on every port.
    return [addresses.length === 1 ? `external-ip=${announced}` : `external-ip=${announced}/${address}`];
  });
  return [
    ...addresses.map(({address}) => `relay-ip=${address}`),
    ...external,
    `min-port=${ports[0]}`,
    `max-port=${ports[1]}`,
    'no-tcp-relay',
  ];
}

function credentials({realm, secrets, users, credentialAlgorithm = 'sha1'}: CoturnOptions): string[] {
  if (credentialAlgorithm !== 'sha1') throw wrong('it knows credentials of HMAC-SHA1 only');
  if (secrets.length === 0 && users.size === 0) throw wrong('without a secret and without users nobody could use it');
  if (secrets.length > 0 && users.size > 0) throw wrong('it takes a secret or static users, and not both');
  const colon = [...users.keys()].find((user) => user.includes(':'));
  if (colon !== undefined) throw wrong(`static users have no colon in their names, as ${JSON.stringify(colon)} has`);
  return [
    `realm=${quoted(realm)}`,
    secrets.length > 0 ? 'use-auth-secret' : 'lt-cred-mech',
    ...secrets.map((secret) => `static-auth-secret=${quoted(secret)}`),
    // A key is all that a server needs of a password.
    ...Array.from(users, ([user, password]) => {
      return `user=${quoted(`${user}:0x${longTermKey(user, realm, password, 'md5').toString('hex')}`)}`;
    }),
  ];
}

function quotas(
  {limits = {}, admission = {}, maxLifetimeMs = MAX_LIFETIME_MS}: CoturnOptions,
  {has}: Pick<CoturnProgram, 'has'>,
): string[] {
  const {maxAllocations, maxPerUser} = {...ADMISSION_LIMITS, ...admission};
  const {bytesPerSecondPerAllocation, bytesPerSecond, challengesPerSecond} = {...CORE_LIMITS, ...limits};
  return [
    `user-quota=${maxPerUser}`,
    `total-quota=${maxAllocations}`,
    ...(bytesPerSecondPerAllocation === undefined ? [] : [`max-bps=${bytesPerSecondPerAllocation}`]),
    ...(bytesPerSecond === undefined ? [] : [`bps-capacity=${bytesPerSecond}`]),
    ...(has('unauthorized-ratelimit-rps') ? [`unauthorized-ratelimit-rps=${challengesPerSecond}`] : []),
    `max-allocate-lifetime=${Math.floor(maxLifetimeMs / 1_000)}`,
    `stale-nonce=${NONCE_LIFETIME_MS / 1_000}`,
  ];
}

function hardening({has}: Pick<CoturnProgram, 'has'>): string[] {
  return [
    'fingerprint',
    'no-multicast-peers',
    'no-auth-pings',
    'no-dynamic-ip-list',
    'no-dynamic-realms',
    ...OFF.filter(([off, on]) => has(off) && !has(on)).map(([off]) => off),
    ...ON.filter((option) => has(option)),
    // Or it tells every binding's client where it listens.
    ...(has('response-origin-only-with-rfc5780') ? ['response-origin-only-with-rfc5780'] : []),
  ];
}

/** Its own everything: the files of a coturn that the system runs are not touched. */
function files({folder}: CoturnOptions): string[] {
  return [
    `userdb=${quoted(join(folder, 'turndb'))}`,
    `pidfile=${quoted(join(folder, 'turnserver.pid'))}`,
    'log-file=stdout',
    'simple-log',
  ];
}

function peers({peers: rules, relay, interfaceAddresses = []}: ConfigFileOptions): string[] {
  // Clients reach one another there; other addresses of this machine they have no business with.
  const relays = new Set(relay.addresses.flatMap(({address, announced = address}) => canonical([address, announced])));
  const own = canonical(interfaceAddresses).filter((address) => !relays.has(address));
  const {allowed, denied, loopback} = peerRanges(rules, own);
  return [
    ...(loopback ? ['allow-loopback-peers'] : []),
    ...allowed.map((range) => `allowed-peer-ip=${range}`),
    ...denied.map((range) => `denied-peer-ip=${range}`),
  ];
}

function canonical(addresses: readonly string[]): string[] {
  return addresses.flatMap((text) => parseIp(text) ?? []).map(({bytes}) => ipText(bytes));
}

function metrics({metricsPort}: ConfigFileOptions, {has}: Pick<CoturnProgram, 'has'>): string[] {
  // Without the address it would tell the whole network.
  if (metricsPort === undefined || !has('prometheus-address')) return [];
  return ['prometheus', 'prometheus-address=127.0.0.1', `prometheus-port=${metricsPort}`];
}

/** coturn drops one quotation mark at each end, and blanks and equals signs before an unquoted value. */
function quoted(text: string): string {
  return `"${text}"`;
}

function wrong(fault: string): QuiverError {
  return new QuiverError({
    code: 'COTURN_SETTING',
    message: `coturn can't be run with these settings: ${fault}`,
    fix: 'Change that, or use our own engine: --engine dgram',
    exit: EXIT.usage,
  });
}
