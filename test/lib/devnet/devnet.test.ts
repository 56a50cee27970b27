import {expect, test} from 'vitest';

import {loadConfig} from '../../../src/lib/config/load.ts';
import {placesUnder} from '../../../src/lib/config/places.ts';
import {createDevnet} from '../../../src/lib/devnet/devnet.ts';
import {createHost} from '../../../src/lib/service/host.ts';
import {watchTimers} from '../../support/held-timers.ts';
import {silent} from '../../support/nodes.ts';
import {ScriptedBackend} from '../../support/scripted-backend.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

test('a whole network that has stopped lets its process end at once', async () => {
  const held = watchTimers();
  const folder = temporaryFolder();
  const places = placesUnder(folder);
  const config = await loadConfig({places, cwd: folder, environment: {}});
  const services = await createDevnet({
    config,
    places,
    version: '0.0.0',
    backends: [new ScriptedBackend()],
    onAccountsCreated: () => undefined,
  });
  const host = createHost({services, log: silent, profile: 'local', version: '0.0.0'});
  await host.start();
  await host.stop();
  expect(held()).toEqual([]);
});
