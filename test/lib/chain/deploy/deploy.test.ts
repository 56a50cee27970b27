import {join} from 'node:path';

import {beforeEach, describe, expect, it} from 'vitest';

import type {Chain} from '../../../../src/lib/chain/chain.ts';
import {contractSet, type ContractSet, type DeploySettings} from '../../../../src/lib/chain/deploy/contract-set.ts';
import {costOf} from '../../../../src/lib/chain/cost.ts';
import {CREATE2_FACTORY} from '../../../../src/lib/chain/deploy/create2.ts';
import {deploymentsAfter, deployPlan, isMainnet} from '../../../../src/lib/chain/deploy/deploy.ts';
import {
  type Deployments,
  loadMoneyAddresses,
  readDeployments,
  writeDeployments,
} from '../../../../src/lib/chain/deploy/deployments.ts';
import {contractsStatus} from '../../../../src/lib/chain/deploy/status.ts';
import {difference, verifyOffline} from '../../../../src/lib/chain/deploy/verify.ts';
import {loadArtifact} from '../../../../src/lib/chain/deploy/artifacts.ts';
import {execute} from '../../../../src/lib/chain/execute.ts';
import {accessManagerAbi} from '../../../../src/lib/chain/gen/access-manager.ts';
import {quivTokenAbi} from '../../../../src/lib/chain/gen/quiv-token.ts';
import {TransactionJournal} from '../../../../src/lib/chain/journal.ts';
import {localDeploySettings} from '../../../../src/lib/chain/local/set-up.ts';
import {placesUnder} from '../../../../src/lib/config/places.ts';
import {startChain, type TestChain} from '../../../support/local-chain.ts';
import {temporaryFolder} from '../../../support/temporary-folder.ts';

let test: TestChain;
let chain: Chain;
let settings: DeploySettings;
let set: ContractSet;

beforeEach(async () => {
  test = await startChain();
  chain = await test.connect();
  settings = {...localDeploySettings(test.accounts), guardian: test.account('client').address};
  set = await contractSet(settings);
});

const address = (name: Parameters<ContractSet['contracts']['get']>[0]): string => set.contracts.get(name)!.address;

async function deploy(only?: Parameters<typeof deployPlan>[2], signal?: AbortSignal): Promise<Deployments> {
  const {plan} = await deployPlan(chain, set, only);
  using journal = new TransactionJournal(join(test.folder, 'transactions.db'));
  const onStep = ({index}: {index: number}): void => {
    if (index === 3) signal?.throwIfAborted();
  };
  const result = await execute(plan, {chain, journal, signer: test.signer('deployer'), onStep});
  return await deploymentsAfter(chain, set, undefined, result);
}

describe('a deployment', () => {
  it('lands where it was said to, governed by the timelock alone', async () => {
    const planned = await deployPlan(chain, set);
    expect(planned.missing).toHaveLength(6);
    expect(planned.plan.steps).toHaveLength(7);
    const cost = await costOf(chain, planned.plan);
    await deploy();
    const spent = 10n ** 24n - (await chain.balance(settings.deployer));
    expect(spent).toBeLessThan(cost.total.maxPol);
    const token = chain.contract(quivTokenAbi, address('QUIVToken'));
    expect(await token.read('balanceOf', [settings.holder])).toBe(10n ** 27n);
    const manager = chain.contract(accessManagerAbi, set.accessManager);
    expect((await manager.read('hasRole', [0, set.timelock])).isMember).toBe(true);
    expect((await manager.read('hasRole', [0, settings.deployer])).isMember).toBe(false);
    expect((await manager.read('hasRole', [0, address('QUIVerRoles')])).isMember).toBe(false);
    expect((await manager.read('hasRole', [1, settings.guardian])).isMember).toBe(true);
  });

  it('does nothing the second time', async () => {
    await deploy();
    const again = await deployPlan(chain, set);
    expect(again.plan.steps).toEqual([]);
    expect(again.present).toHaveLength(6);
  });

  it('is finished by the next run when it was cut short', async () => {
    await expect(deploy(undefined, AbortSignal.abort(new Error('cut')))).rejects.toThrow('cut');
    const rest = await deployPlan(chain, set);
    expect(rest.present).toEqual(['QUIVToken', 'QUIVerRoles', 'QUIVerChannels']);
    const {contracts} = await deploy();
    expect((await deployPlan(chain, set)).plan.steps).toEqual([]);
    for (const {address: at, transaction, block} of Object.values(contracts)) {
      const codeAt = (tag: number) => chain.request('eth_getCode', [at, `0x${tag.toString(16)}`]);
      expect([await codeAt(block! - 1), await codeAt(block!)]).toEqual(['0x', await chain.code(at)]);
      expect(await chain.receipt(transaction!)).toMatchObject({blockNumber: block});
    }
  });

  it('can be of one contract and what it needs', async () => {
    const {missing, plan} = await deployPlan(chain, set, 'QUIVerChannels');
    expect(missing).toEqual(['QUIVToken', 'QUIVerRoles', 'QUIVerChannels']);
    expect(plan.steps).toHaveLength(3);
    await deploy('QUIVerChannels');
    await deploy();
    expect((await deployPlan(chain, set)).plan.steps).toEqual([]);
  });

  it('adds no contract without roles once they are given', async () => {
    await deploy();
    const other = await contractSet({...settings, activationDelaySeconds: 3_600});
    await expect(deployPlan(chain, other)).rejects.toMatchObject({code: 'DEPLOY_WIRED', exit: 4});
  });

  it('says what a chain without the factory needs', async () => {
    const request = chain.code.bind(chain);
    chain.code = (at) => (at === CREATE2_FACTORY ? Promise.resolve('0x') : request(at));
    await expect(deployPlan(chain, set)).rejects.toMatchObject({code: 'FACTORY_MISSING'});
  });

  it('knows where money is real', () => {
    expect([137, 80_002, 31_337].map(isMainnet)).toEqual([true, false, false]);
  });
});

describe('what a deployment leaves', () => {
  it('is written down, found again, and bound to its chain', async () => {
    const places = placesUnder(temporaryFolder());
    await expect(loadMoneyAddresses(places, 'local', chain)).rejects.toMatchObject({
      code: 'CONTRACTS_MISSING',
      fix: expect.stringContaining('quiver contracts deploy'),
    });
    const deployments = await test.setUp();
    await writeDeployments(places, 'local', deployments);
    expect(await readDeployments(places, 'local')).toEqual(deployments);
    expect(await loadMoneyAddresses(places, 'local', chain)).toEqual({
      token: deployments.contracts.QUIVToken!.address,
      staking: deployments.contracts.QUIVerStaking!.address,
      settlement: deployments.contracts.QUIVerSettlement!.address,
      channels: deployments.contracts.QUIVerChannels!.address,
      startBlock: 1,
    });
    const other = await (await startChain()).connect();
    await expect(loadMoneyAddresses(places, 'local', other)).rejects.toMatchObject({code: 'CONTRACTS_MISSING'});
  });

  it('keeps transactions of an earlier run', async () => {
    const first = await test.setUp();
    const known = {...first, contracts: {...first.contracts}};
    const local = await contractSet(localDeploySettings(test.accounts));
    const again = await deploymentsAfter(chain, local, known, undefined);
    expect(again).toEqual(first);
  });

  it('is shown with its state', async () => {
    const deployments = await test.setUp();
    const status = await contractsStatus(chain, deployments);
    expect(status.contracts.map(({name, state}) => [name, state])).toEqual([
      ['QUIVToken', 'deployed'],
      ['QUIVerRoles', 'the timelock governs'],
      ['QUIVerChannels', 'open'],
      ['QUIVerSettlement', 'open'],
      ['QUIVerStakingImplementation', 'deployed'],
      ['QUIVerStaking', 'open'],
    ]);
  });
});

describe('verification without an explorer', () => {
  it('finds the code that was built, constructor values apart', async () => {
    const deployments = await test.setUp();
    const checks = await verifyOffline(chain, deployments);
    expect(checks).toHaveLength(9);
    expect(checks.filter(({state}) => state !== 'same')).toEqual([]);
  });

  it('sees one byte that differs, and what is missing', async () => {
    const deployments = await test.setUp();
    const artifact = await loadArtifact('QUIVerChannels');
    const code = await chain.code(deployments.contracts.QUIVerChannels!.address);
    expect(difference(code, artifact)).toBeUndefined();
    const [{start, length}] = artifact.immutableReferences as [{start: number; length: number}];
    const flip = (at: number): string => {
      const index = 2 + at * 2;
      return `${code.slice(0, index)}${code[index] === 'f' ? '0' : 'f'}${code.slice(index + 1)}`;
    };
    expect(difference(flip(start + length - 1), artifact)).toBeUndefined();
    expect(difference(flip(100), artifact)).toBe('it differs from byte 100 on');
    expect(difference(`${code}00`, artifact)).toMatch(/bytes/);
    const gone = await verifyOffline(await (await startChain()).connect(), deployments);
    expect(new Set(gone.slice(0, 6).map(({state}) => state))).toEqual(new Set(['missing']));
  });
});
