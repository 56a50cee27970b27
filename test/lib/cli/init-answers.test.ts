import {expect, it} from 'vitest';

import {askInitAnswers} from '../../../src/lib/cli/init-answers.ts';
import {placesUnder} from '../../../src/lib/config/places.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

async function answers(given: Record<string, string>): Promise<{role: string; values: Record<string, unknown>}> {
  const places = placesUnder(temporaryFolder());
  const result = await askInitAnswers({given: new Map(Object.entries(given)), places, interactive: false});
  return {role: result.role, values: Object.fromEntries(result.values)};
}

it('makes settings of the flags of each role', async () => {
  expect(await answers({role: 'provider', name: 'attic', port: '4011', region: 'eu-west'})).toEqual({
    role: 'provider',
    values: {profile: 'local', 'provider.name': 'attic', 'provider.port': '4011', 'provider.region': 'eu-west'},
  });
  expect(await answers({role: 'relay', profile: 'amoy', bootstrap: 'a.example:4001'})).toEqual({
    role: 'relay',
    values: {profile: 'amoy', 'network.bootstrap_nodes': 'a.example:4001'},
  });
  expect(await answers({role: 'client'})).toEqual({role: 'client', values: {profile: 'local'}});
});

it('names the flag that is missing, with its choices', async () => {
  await expect(answers({name: 'attic'})).rejects.toMatchObject({
    code: 'MISSING_FLAGS',
    exit: 2,
    fix: 'Add --role provider|client|relay|bootstrap',
  });
});

it('drops no flag in silence', async () => {
  await expect(answers({role: 'client', port: '1'})).rejects.toMatchObject({exit: 2});
  await expect(answers({role: 'bootstrap', name: 'x'})).rejects.toMatchObject({exit: 2});
});
