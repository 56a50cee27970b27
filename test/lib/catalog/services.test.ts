import {expect, it} from 'vitest';

import {createServices} from '../../../src/lib/catalog/services.ts';
import {loadConfig} from '../../../src/lib/config/load.ts';
import {placesUnder} from '../../../src/lib/config/places.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

async function names(environment: Record<string, string>): Promise<string[]> {
  const folder = temporaryFolder();
  const places = placesUnder(folder);
  const config = await loadConfig({places, cwd: folder, environment});
  const services = await createServices(['provider'], {config, places, version: '0.0.0', backends: []});
  return services.map(({name}) => name);
}

it('a provider is called as the settings say', async () => {
  expect(await names({})).toEqual(['node', 'provider', 'client']);
  expect(await names({QUIVER_PROVIDER_NAME: 'attic'})).toEqual(['node', 'attic', 'client']);
});
