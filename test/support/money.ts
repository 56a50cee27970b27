import {readFileSync} from 'node:fs';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import path from 'node:path';
import {json} from 'node:stream/consumers';

import {ContractFactory, Interface, JsonRpcProvider, NonceManager, Wallet, type InterfaceAbi} from 'ethers';
import {afterAll} from 'vitest';

import {costOf} from '../../src/lib/chain/cost.ts';
import {execute} from '../../src/lib/chain/execute.ts';
import {TransactionJournal} from '../../src/lib/chain/journal.ts';
import {LocalChain} from '../../src/lib/chain/local/local-chain.ts';
import {openChain} from '../../src/lib/chain/open-chain.ts';
import type {PlanResult} from '../../src/lib/chain/plan.ts';
import {BUILT_IN_PROFILES} from '../../src/lib/config/profile.ts';
import {fromHex} from '../../src/lib/core/bytes.ts';
import {keySigner, type Signer} from '../../src/lib/identity/signer.ts';
import {ChannelStore} from '../../src/lib/settlement/channels/store.ts';
import {bindMoney, type Draft, type MoneyContracts} from '../../src/lib/settlement/contracts.ts';
import {ROOT} from './quiver.ts';

const CHAIN_ID = 31_337;
const QUIV = 10n ** 18n;
export const HANDOUT = 300_000n * QUIV;
/** All that was put into the reserve for rewards, and over how long. */
export const RESERVE = 1_000_000n * QUIV;
export const RESERVE_SECONDS = 365 * 86_400;

/** Keys of the people in a test: whoever is first deploys. */
const NAMES = ['deployer', 'arbiter', 'ann', 'bob', 'carl', 'dora'] as const;
export type Name = (typeof NAMES)[number];
const keyOf = (name: Name): string => `0x${(NAMES.indexOf(name) + 1).toString(16).padStart(64, '0')}`;

/** The contracts on an EVM in this process, people with QUIV, and a reserve for rewards. */
export class TestMoney {
  readonly local: LocalChain;
  readonly money: MoneyContracts;
  readonly store = new ChannelStore(':memory:');
  readonly #journal = new TransactionJournal(':memory:');

  constructor(local: LocalChain, money: MoneyContracts) {
    this.local = local;
    this.money = money;
  }

  signer(name: Name): Signer {
    return keySigner(fromHex(keyOf(name), 32)!);
  }

  address(name: Name): string {
    return this.signer(name).address;
  }

  /** Prices a plan and carries it out, as the commands do. */
  async run(name: Name, draft: Draft | Promise<Draft>): Promise<PlanResult> {
    const plan = {...(await draft), kind: 'test', key: String(Math.random()), from: this.address(name)};
    const {chain} = this.money;
    await costOf(chain, plan);
    return execute(plan, {chain, journal: this.#journal, signer: this.signer(name), timing: {pollMs: 1}});
  }

  advance(seconds: number): Promise<unknown> {
    return this.local.advance(seconds);
  }

  /** The arbiter's decision, which no command makes. */
  resolve(account: string, evidence: string, guilty: boolean): Promise<PlanResult> {
    const {staking} = this.money;
    const step = {
      what: 'resolve',
      to: staking.address,
      data: staking.encode('resolveSlash', [account, evidence, guilty]),
    };
    return this.run('arbiter', {title: 'resolve', steps: [step]});
  }
}

const cleanUps: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

interface StartOptions {
  /** Most blocks that the RPC server looks through at once for events. @default no limit */
  maxLogRange?: number;
}

/** Starts all of it; gone after the tests of the file. */
export async function startMoney({maxLogRange = Infinity}: StartOptions = {}): Promise<TestMoney> {
  const accounts = NAMES.map((name) => new Wallet(keyOf(name)).address);
  const local = await LocalChain.open({chainId: CHAIN_ID, accounts});
  const server = createServer((request, response) => {
    void (async () => {
      const {id, method, params} = (await json(request)) as {id: number; method: string; params: unknown[]};
      const [range] = (params ?? []) as [{fromBlock: string; toBlock: string}?];
      const isTooLong = method === 'eth_getLogs' && Number(range?.toBlock) - Number(range?.fromBlock) > maxLogRange;
      const answer = isTooLong
        ? {error: {code: -32_602, message: 'block range too large'}}
        : await local.request(method, params ?? []);
      response.setHeader('content-type', 'application/json').end(JSON.stringify({jsonrpc: '2.0', id, ...answer}));
    })();
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new JsonRpcProvider(url, CHAIN_ID, {staticNetwork: true, cacheTimeout: -1, batchMaxCount: 1});
  cleanUps.push(async () => {
    provider.destroy();
    server.closeAllConnections();
    server.close();
    await local.close();
  });
  const addresses = await deploy(provider);
  const chain = await openChain(BUILT_IN_PROFILES.get('local')!, {rpcUrls: [url]});
  return new TestMoney(local, bindMoney(chain, {...addresses, startBlock: 0}));
}

function artifact(name: string): {abi: InterfaceAbi; bytecode: string} {
  const text = readFileSync(path.join(ROOT, 'contracts', 'artifacts', `${name}.json`), 'utf8');
  return JSON.parse(text) as {abi: InterfaceAbi; bytecode: string};
}

async function deploy(
  provider: JsonRpcProvider,
): Promise<Record<'token' | 'staking' | 'settlement' | 'channels', string>> {
  provider.pollingInterval = 2;
  const deployer = new NonceManager(new Wallet(keyOf('deployer'), provider));
  const owner = new Wallet(keyOf('deployer')).address;
  const make = async (name: string, ...values: unknown[]) => {
    const {abi, bytecode} = artifact(name);
    const contract = await new ContractFactory(abi, bytecode, deployer).deploy(...values);
    await contract.waitForDeployment();
    return contract as Awaited<ReturnType<typeof contract.waitForDeployment>> & Record<string, any>;
  };
  const token = await make('QUIVToken', owner);
  const tokenAddress = await token.getAddress();
  const arbiter = new Wallet(keyOf('arbiter')).address;
  const roles = await make('QUIVerRoles', owner, owner, owner, arbiter);
  const manager = String(await roles['manager']());
  const implementation = await make('QUIVerStaking', tokenAddress);
  const face = new Interface(artifact('QUIVerStaking').abi);
  const initialize = face.encodeFunctionData('initialize', [manager]);
  const proxy = await make('ERC1967Proxy', await implementation.getAddress(), initialize);
  const staking = await proxy.getAddress();
  const resolve = face.getFunction('resolveSlash')!.selector;
  await (await roles['wire']([{target: staking, role: 2, selectors: [resolve]}])).wait();
  const channels = await (await make('QUIVerChannels', tokenAddress, manager)).getAddress();
  const settlement = await (
    await make('QUIVerSettlement', tokenAddress, channels, manager, 1_000n * QUIV, 3_600)
  ).getAddress();

  await (await token['approve'](staking, RESERVE)).wait();
  const fund = face.encodeFunctionData('fundRewards', [RESERVE, RESERVE_SECONDS]);
  await (await deployer.sendTransaction({to: staking, data: fund})).wait();
  for (const name of NAMES.slice(2)) await (await token['transfer'](new Wallet(keyOf(name)).address, HANDOUT)).wait();
  return {token: tokenAddress, staking, settlement, channels};
}
