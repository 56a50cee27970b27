import {expect, it} from 'vitest';

import type {ServiceName} from '../../../src/lib/catalog/service-names.ts';
import {createServices} from '../../../src/lib/catalog/services.ts';
import {loadConfig} from '../../../src/lib/config/load.ts';
import {placesUnder} from '../../../src/lib/config/places.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

async function names(environment: Record<string, string>, services: readonly [ServiceName] = ['provider']) {
  const folder = temporaryFolder();
  const places = placesUnder(folder);
  const config = await loadConfig({places, cwd: folder, environment});
  const created = await createServices(services, {config, places, version: '0.0.0', backends: []});
  return created.map(({name}) => name);
}

it('a provider is called as the settings say', async () => {
  expect(await names({})).toEqual(['node', 'provider', 'client']);
  expect(await names({QUIVER_PROVIDER_NAME: 'attic'})).toEqual(['node', 'attic', 'client']);
});

it('hubs take part in the market', async () => {
  expect(await names({}, ['bootstrap'])).toEqual(['node', 'bootstrap', 'market']);
  expect(await names({}, ['relay'])).toEqual(['node', 'relay', 'market']);
});
