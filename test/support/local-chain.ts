import {join} from 'node:path';

import {afterEach} from 'vitest';

import type {Chain} from '../../src/lib/chain/chain.ts';
import {loadOrCreateLocalAccounts, type LocalAccount} from '../../src/lib/chain/local/accounts.ts';
import {LocalChain} from '../../src/lib/chain/local/local-chain.ts';
import {serveRpc} from '../../src/lib/chain/local/rpc-server.ts';
import {setUpLocal} from '../../src/lib/chain/local/set-up.ts';
import type {Deployments} from '../../src/lib/chain/deploy/deployments.ts';
import {openChain, type OpenChainOptions} from '../../src/lib/chain/open-chain.ts';
import {keySigner, type Signer} from '../../src/lib/identity/signer.ts';
import type {NetworkProfile} from '../../src/lib/config/profile.ts';
import {createLogger} from '../../src/lib/observability/logger.ts';
import {profileAt} from './profile-at.ts';
import {temporaryFolder} from './temporary-folder.ts';

export interface TestChain {
  chain: LocalChain;
  url: string;
  folder: string;
  accounts: readonly LocalAccount[];
  profile: NetworkProfile;
  account(name: LocalAccount['name']): LocalAccount;
  signer(name: LocalAccount['name']): Signer;
  connect(options?: OpenChainOptions): Promise<Chain>;
  /** With its contracts, its accounts funded. */
  setUp(): Promise<Deployments>;
  stop(): Promise<void>;
}

export interface TestChainOptions {
  /** @default 31337 */
  chainId?: number;
  /** Keep the blocks. @default false */
  keep?: boolean;
  folder?: string;
  port?: number;
  now?: () => number;
}

const running: TestChain[] = [];

afterEach(async () => {
  for (const chain of running.splice(0)) await chain.stop();
});

/** A real EVM behind a real JSON-RPC server on loopback; gone after the test. */
export async function startChain(options: TestChainOptions = {}): Promise<TestChain> {
  const {chainId = 31_337, keep = false, folder = temporaryFolder(), port = 0} = options;
  const {accounts} = await loadOrCreateLocalAccounts(folder);
  const chain = await LocalChain.open({
    chainId,
    accounts: accounts.map(({address}) => address),
    path: keep ? join(folder, 'blocks.db') : undefined,
    now: options.now,
  });
  const stopping = new AbortController();
  const log = await createLogger({level: 'silent'});
  const server = await serveRpc({chain, port, version: 'test', log, stopping: stopping.signal});
  const profile = profileAt(server.url, chainId);
  const account = (name: LocalAccount['name']): LocalAccount => accounts.find((one) => one.name === name)!;
  let stopped = false;
  const started: TestChain = {
    chain,
    url: server.url,
    folder,
    accounts,
    profile,
    account,
    signer: (name) => keySigner(account(name).secret),
    connect: (more) => openChain(profile, more),
    setUp: () =>
      setUpLocal({profile, url: server.url, accounts, before: undefined, signal: AbortSignal.timeout(30_000)}),
    async stop() {
      if (stopped) return;
      stopped = true;
      stopping.abort();
      await server.close();
      await chain.close();
    },
  };
  running.push(started);
  return started;
}
