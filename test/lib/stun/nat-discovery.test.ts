import {afterEach, describe, expect, it} from 'vitest';

import {discoverNat} from '../../../src/lib/stun/nat-discovery.ts';
import {nat, startBindingServer} from './support/binding-socket.ts';
import type {BindingServerOptions} from './support/binding-socket.ts';

const TWO = ['127.0.0.1', '127.0.0.2'] as const;
/** What runs out here runs out on loopback; 600 ms let a request be sent twice. */
const FAST = {stepTimeoutMs: 600};

const started: {close: () => void}[] = [];
async function server(options?: BindingServerOptions) {
  const one = await startBindingServer(options);
  started.push(one);
  return one;
}
afterEach(() => started.splice(0).forEach((one) => one.close()));

const signal = new AbortController().signal;

describe('discoverNat with a server on two addresses', () => {
  it('finds no NAT and no firewall on loopback', async () => {
    const report = await discoverNat({servers: [await server({addresses: TWO})], signal, ...FAST});
    expect(report).toMatchObject({mapping: 'none', filtering: 'endpoint-independent', udpBlocked: false});
    expect(report.mapped).toEqual(report.local);
    expect(report.local?.address).toBe('127.0.0.1');
    expect(report).not.toHaveProperty('hairpin');
  });

  it.each([
    ['endpoint-independent', nat((remote) => remote.key)],
    ['address-dependent', nat((remote, to) => `${remote.key} ${to.address}`)],
    ['address-and-port-dependent', nat((remote, to) => `${remote.key} ${to.key}`)],
  ])('finds a mapping that is %s', async (expected, seenAs) => {
    const report = await discoverNat({servers: [await server({addresses: TWO, seenAs})], signal, ...FAST});
    expect(report.mapping).toBe(expected);
    expect(report.mapped?.address).toBe('203.0.113.77');
    // There is no such NAT: what is sent to its public address comes back to nobody.
    expect(report.hairpin).toBe(false);
  });

  it.each<[string, BindingServerOptions['passes']]>([
    ['endpoint-independent', () => true],
    ['address-dependent', (answer, asked) => answer.address === asked.address],
    ['address-and-port-dependent', (answer, asked) => answer.key === asked.key],
  ])('finds filtering that is %s', async (expected, passes) => {
    const report = await discoverNat({servers: [await server({addresses: TWO, passes: passes!})], signal, ...FAST});
    expect(report).toMatchObject({mapping: 'none', filtering: expected});
  });

  it('prefers it to one that has but one address', async () => {
    const servers = [await server(), await server({addresses: TWO})];
    expect((await discoverNat({servers, signal, ...FAST})).filtering).toBe('endpoint-independent');
  });
});

describe('discoverNat with two ordinary servers', () => {
  const pair = async (seenAs: NonNullable<BindingServerOptions['seenAs']>) => [
    await server({addresses: ['127.0.0.1'], seenAs}),
    await server({addresses: ['127.0.0.2'], seenAs}),
  ];

  it('tells a mapping that stays from one that does not, and nothing about filtering', async () => {
    const same = await discoverNat({servers: await pair(nat((remote) => remote.key)), signal, ...FAST});
    expect(same).toMatchObject({mapping: 'endpoint-independent', filtering: 'unknown'});
    const other = await discoverNat({
      servers: await pair(nat((remote, to) => `${remote.key} ${to.key}`)),
      signal,
      ...FAST,
    });
    expect(other).toMatchObject({mapping: 'address-dependent', filtering: 'unknown'});
  });

  it('does not know the mapping from one server', async () => {
    const servers = [await server({seenAs: nat((remote) => remote.key)})];
    expect(await discoverNat({servers, signal, ...FAST})).toMatchObject({mapping: 'unknown', filtering: 'unknown'});
  });

  it('passes over one that is down', async () => {
    const gone = await startBindingServer();
    gone.close();
    expect(await discoverNat({servers: [gone, await server()], signal, ...FAST})).toMatchObject({
      mapping: 'none',
      udpBlocked: false,
    });
  });
});

describe('discoverNat without an answer', () => {
  it('says that UDP is blocked', async () => {
    const silent = await server({passes: () => false});
    expect(await discoverNat({servers: [silent], signal, ...FAST})).toEqual({
      mapping: 'unknown',
      filtering: 'unknown',
      udpBlocked: true,
    });
    expect(silent.requests()).toBe(2);
  });

  it('ends at once when it is told to', async () => {
    const stop = new AbortController();
    const running = discoverNat({servers: [await server({passes: () => false})], signal: stop.signal});
    setTimeout(() => stop.abort(new Error('enough')), 50);
    await expect(running).rejects.toThrow('enough');
  });

  it('names a server that has no address', async () => {
    const servers = [{host: 'stun.invalid', port: 3478}];
    await expect(discoverNat({servers, signal})).rejects.toMatchObject({code: 'STUN_HOST_UNKNOWN'});
    const six = [{host: '::1', port: 3478}];
    await expect(discoverNat({servers: six, family: 4, signal})).rejects.toMatchObject({code: 'STUN_HOST_UNKNOWN'});
  });
});
