import {join} from 'node:path';

import {pino} from 'pino';
import {Registry} from 'prom-client';
import {expect, it} from 'vitest';

import {contractSet} from '../../../../src/lib/chain/deploy/contract-set.ts';
import {deployPlan} from '../../../../src/lib/chain/deploy/deploy.ts';
import {execute} from '../../../../src/lib/chain/execute.ts';
import {TransactionJournal} from '../../../../src/lib/chain/journal.ts';
import {loadOrCreateLocalAccounts, localChainFolder} from '../../../../src/lib/chain/local/accounts.ts';
import {LocalChainService} from '../../../../src/lib/chain/local/local-chain-service.ts';
import {deployerSigner, localDeploySettings} from '../../../../src/lib/chain/local/set-up.ts';
import {openChain} from '../../../../src/lib/chain/open-chain.ts';
import {placesUnder} from '../../../../src/lib/config/places.ts';
import {BUILT_IN_PROFILES} from '../../../../src/lib/config/profile.ts';
import {temporaryFolder} from '../../../support/temporary-folder.ts';

const context = {
  signal: new AbortController().signal,
  log: pino({level: 'silent'}),
  metrics: new Registry(),
  find: () => undefined,
};

it('says how to get a new chain when this one has the contracts of another version', async () => {
  const places = placesUnder(join(temporaryFolder(), 'home'));
  const profile = BUILT_IN_PROFILES.get('local')!;
  const options = {profile, places, port: 0, version: '0.0.0'};
  const folder = localChainFolder(places, profile.name);

  const bare = new LocalChainService({...options, contracts: false});
  await bare.start(context);
  const {accounts} = await loadOrCreateLocalAccounts(folder);
  const chain = await openChain(profile, {rpcUrls: bare.info().addresses});
  const settings = localDeploySettings(accounts);
  const {plan} = await deployPlan(chain, await contractSet({...settings, minimumBond: settings.minimumBond + 1n}));
  using journal = new TransactionJournal(':memory:');
  await execute(plan, {chain, journal, signer: deployerSigner(accounts), timing: {pollMs: 2}});
  await bare.stop();

  const whole = new LocalChainService(options);
  await expect(whole.start(context)).rejects.toMatchObject({
    code: 'LOCAL_CHAIN_OUTDATED',
    fix: expect.stringContaining(`mv '${folder}' `) as string,
  });
  await whole.stop();
});
