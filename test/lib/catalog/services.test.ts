import {expect, it} from 'vitest';

import type {ServiceName} from '../../../src/lib/catalog/service-names.ts';
import {createServices} from '../../../src/lib/catalog/services.ts';
import {loadConfig} from '../../../src/lib/config/load.ts';
import {placesUnder} from '../../../src/lib/config/places.ts';
import {peerFromKey} from '../../../src/lib/records/peer-key.ts';
import {SignalService} from '../../../src/lib/signal/signal-service.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const PEER = peerFromKey(new Uint8Array(32).fill(7));

async function create(environment: Record<string, string>, services: readonly ServiceName[]) {
  const folder = temporaryFolder();
  const places = placesUnder(folder);
  const config = await loadConfig({places, cwd: folder, environment});
  const signal = AbortSignal.timeout(10_000);
  return createServices(services, {config, places, environment, version: '0.0.0', backends: [], signal});
}

async function names(environment: Record<string, string>, services: readonly ServiceName[] = ['provider']) {
  return (await create(environment, services)).map(({name}) => name);
}

it('a provider is called as the settings say', async () => {
  expect(await names({})).toEqual(['node', 'provider', 'client']);
  expect(await names({QUIVER_PROVIDER_NAME: 'attic'})).toEqual(['node', 'attic', 'client']);
});

it('hubs take part in the market, and peers meet at them', async () => {
  expect(await names({}, ['bootstrap'])).toEqual(['node', 'bootstrap', 'signal-node', 'market']);
  expect(await names({}, ['relay'])).toEqual(['node', 'relay', 'signal-node', 'market']);
});

it('what connects peers needs no node', async () => {
  expect(await names({}, ['stun'])).toEqual(['stun']);
  expect(await names({}, ['turn'])).toEqual(['turn', 'ice-api']);
  expect(await names({QUIVER_TURN_ICE_API_PORT: 'off'}, ['turn'])).toEqual(['turn']);
  expect(await names({}, ['signal', 'turn'])).toEqual(['turn', 'ice-api', 'signal']);
  expect(await names({}, ['turn', 'relay'])).toEqual(['turn', 'ice-api', 'node', 'relay', 'signal-node', 'market']);
});

it('settings that can not go together are named', async () => {
  await expect(names({QUIVER_TURN_TLS_CERT: 'cert.pem'}, ['turn'])).rejects.toMatchObject({code: 'TLS_FILES', exit: 2});
  await expect(names({QUIVER_TURN_ICE_API_HOST: '0.0.0.0'}, ['turn'])).rejects.toMatchObject({
    code: 'ICE_API_OPEN',
    fix: expect.stringContaining('--public-ice'),
  });
  await expect(names({TURN_AUTH_SECRET: 'short'}, ['turn'])).rejects.toMatchObject({code: 'TURN_SECRET_WEAK'});
  await expect(names({QUIVER_TURN_RELAY_PORT_RANGE: '5000-4000'}, ['turn'])).rejects.toMatchObject({exit: 2});
  // A client could reach the server through the server, and chain its allocations.
  const overlap = {QUIVER_TURN_RELAY_PORT_RANGE: '3000-4000', QUIVER_TURN_PORT: '3478'};
  await expect(names(overlap, ['turn'])).rejects.toMatchObject({code: 'TURN_PORT_RELAYED', exit: 2});
});

it.each([
  ['on this machine only', {}, true],
  ['open to strangers', {QUIVER_SIGNAL_HOST: '0.0.0.0'}, false],
  ['open to peers on a list', {QUIVER_SIGNAL_HOST: '0.0.0.0', QUIVER_SIGNAL_ALLOW_PEERS: PEER}, true],
  ['open, as the API is', {QUIVER_SIGNAL_HOST: '0.0.0.0', QUIVER_TURN_ICE_API_PUBLIC: 'true'}, true],
])('signalling %s gives TURN credentials as the API would', async (_how, environment, given) => {
  const urls = {QUIVER_TURN_ICE_API_URLS: 'stun:turn.example:3478,turn:turn.example:3478'};
  const signal = (await create({...environment, ...urls}, ['turn', 'signal'])).find(({name}) => name === 'signal');
  expect(signal).toBeInstanceOf(SignalService);
  const servers = await (signal as SignalService).exchange.iceServers(PEER);
  expect(servers.flatMap((server) => server.urls)).toEqual(
    urls.QUIVER_TURN_ICE_API_URLS.split(',').slice(0, given ? 2 : 1),
  );
  expect(servers.some(({credential}) => credential !== undefined)).toBe(given);
});
