import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {LocalNetwork} from '../../support/local-network.ts';
import {startChain} from '../../support/local-chain.ts';
import {runQuiver, temporaryHome} from '../../support/quiver.ts';

interface Outcome {
  isDone: boolean;
  contracts: {name: string; address: string; state: string}[];
}

describe('contracts, on the local chain', () => {
  let network: LocalNetwork;
  beforeAll(async () => {
    network = await LocalNetwork.start();
  }, 60_000);
  afterAll(() => network[Symbol.asyncDispose]());

  it('deploy: nothing is missing where the chain has set itself up', async () => {
    const outcome = await network.json<Outcome>(['contracts', 'deploy', '--yes']);
    expect(outcome.isDone).toBe(true);
    expect(outcome.contracts.map(({state}) => state)).toEqual(Array.from({length: 6}, () => 'present'));
  });

  it('deploy: other settings after the roles are given are refused', async () => {
    const {code, stderr} = await network.run(['contracts', 'deploy', '--activation-delay', '2h', '--yes']);
    expect({code, stderr}).toMatchObject({code: 4, stderr: expect.stringContaining('QUIVerSettlement would be new')});
  });

  it('status, verify and abi', async () => {
    const status = await network.run(['contracts', 'status']);
    expect(status).toMatchObject({code: 0, stderr: '', stdout: expect.stringContaining('the timelock governs')});
    const verified = await network.json<{checks: {state: string}[]}>(['contracts', 'verify', '--offline']);
    expect(verified.checks.every(({state}) => state === 'same')).toBe(true);
    const {abi} = await network.json<{abi: {name?: string}[]}>(['contracts', 'abi', 'QUIVerStaking']);
    expect(abi.map(({name}) => name)).toContain('stake');
    expect(await network.run(['contracts', 'abi', 'Nonsense'])).toMatchObject({code: 2});
  });

  it('verify: ends with 3 when the code is another', async () => {
    const file = join(network.home, 'data', 'deployments', 'local.json');
    const before = readFileSync(file, 'utf8');
    const changed = JSON.parse(before) as {contracts: Record<string, {address: string}>};
    changed.contracts['QUIVToken']!.address = changed.contracts['QUIVerChannels']!.address;
    writeFileSync(file, JSON.stringify(changed));
    const {code, stdout} = await network.run(['contracts', 'verify']);
    writeFileSync(file, before);
    expect({code, stdout}).toMatchObject({code: 3, stdout: expect.stringContaining('different')});
  });

  it('chain advance, mine and faucet', async () => {
    const {time} = await network.json<{time: string}>(['chain', 'mine']);
    const later = await network.json<{time: string; block: number}>(['chain', 'advance', '14d']);
    expect(Date.parse(later.time) - Date.parse(time)).toBeGreaterThanOrEqual(14 * 86_400_000);
    expect((await network.json<{block: number}>(['chain', 'mine', '3'])).block).toBe(later.block + 3);
    const address = '0x00000000000000000000000000000000000A11cE';
    const given = await network.json<object>(['chain', 'faucet', address, '--amount', '5', '--pol', '0.5']);
    expect(given).toMatchObject({address, pol: '500000000000000000', quiv: '5000000000000000000'});
    expect(await network.run(['chain', 'advance', 'soon'])).toMatchObject({code: 2});
    expect(await network.run(['chain', 'faucet', '0x12'])).toMatchObject({code: 2});
  });
});

describe('contracts, on a public network', () => {
  it('deploy: shows the whole plan for Amoy without signing, at a server that says it is Amoy', async () => {
    await using place = await temporaryHome();
    const amoy = await startChain({chainId: 80_002});
    const deployer = amoy.account('deployer');
    const env = {...place.env, PRIVATE_KEY: Buffer.from(deployer.secret).toString('hex')};
    const args = ['contracts', 'deploy', '--profile', 'amoy', '--rpc-url', amoy.url];
    const dry = await runQuiver([...args, '--dry-run'], {env});
    expect(dry).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/7\. Give the roles.*\nCosts about 0\.[1-9]\d* POL/),
    });
    expect(amoy.chain.latest.number).toBe(0);
    const asked = await runQuiver(args, {env});
    expect(asked).toMatchObject({code: 2, stderr: expect.stringContaining('Add --yes, or --dry-run to see')});
    expect(amoy.chain.latest.number).toBe(0);
  });

  it('deploy: refuses a server of another chain, a mainnet without the words, and Mumbai', async () => {
    await using place = await temporaryHome();
    const {url, accounts} = await startChain();
    const polygon = await startChain({chainId: 137});
    const env = {...place.env, PRIVATE_KEY: Buffer.from(accounts[0]!.secret).toString('hex')};
    const deploy = (...args: string[]) => runQuiver(['contracts', 'deploy', '--yes', ...args], {env});
    expect(await deploy('--profile', 'amoy', '--rpc-url', url)).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/serves chain 31337, while Polygon Amoy is chain 80002.*Nothing was signed/s),
    });
    expect(await deploy('--profile', 'polygon', '--rpc-url', polygon.url)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('--i-know-this-is-unaudited'),
    });
    expect(await deploy('--profile', 'polygon', '--rpc-url', polygon.url, '--i-know-this-is-unaudited')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('--multisig ADDRESS'),
    });
    expect(polygon.chain.latest.number).toBe(0);
    expect(await deploy('--network', 'mumbai')).toMatchObject({code: 2, stderr: expect.stringContaining('amoy')});
  });

  it('deploy: says nothing on the way under --quiet', async () => {
    await using place = await temporaryHome();
    const {url, account} = await startChain();
    const env = {...place.env, PRIVATE_KEY: Buffer.from(account('deployer').secret).toString('hex')};
    const quiet = await runQuiver(['contracts', 'deploy', '--rpc-url', url, '--yes', '--quiet'], {env});
    expect(quiet).toMatchObject({code: 0, stderr: '', stdout: expect.stringContaining('QUIVerStaking')});
  });

  it('chain start: only on a network that stays on this machine', async () => {
    await using place = await temporaryHome();
    const {code, stderr} = await runQuiver(['chain', 'start', '--profile', 'amoy'], {env: place.env});
    expect({code, stderr}).toMatchObject({code: 2, stderr: expect.stringContaining('--profile local')});
  });

  it('says what to start when no chain runs', async () => {
    await using place = await temporaryHome();
    const status = await runQuiver(['contracts', 'status'], {env: place.env});
    expect(status).toMatchObject({code: 1, stderr: expect.stringContaining('quiver up')});
    const advance = await runQuiver(['chain', 'advance', '1h'], {env: place.env});
    expect(advance).toMatchObject({code: 1, stderr: expect.stringContaining('quiver up')});
  });
});
