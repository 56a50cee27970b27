import {readFileSync} from 'node:fs';

import {BrowserProvider, ContractFactory, type Contract, type InterfaceAbi, type Signer} from 'ethers';
import {createHardhatRuntimeEnvironment} from 'hardhat/hre';

const CHAIN_ID = 80_002;
const ARTIFACTS = new URL('../../contracts/artifacts/', import.meta.url);

/** An in-process chain by Polygon's rules (Prague), whose accounts have gas for everything. */
export async function startChain(): Promise<{provider: BrowserProvider; accounts: Signer[]; stop(): Promise<void>}> {
  const hre = await createHardhatRuntimeEnvironment({
    networks: {chain: {type: 'edr-simulated', chainType: 'l1', chainId: CHAIN_ID, hardfork: 'prague'}},
  });
  const connection = await hre.network.create('chain');
  const provider = new BrowserProvider(connection.provider, CHAIN_ID, {cacheTimeout: -1});
  provider.pollingInterval = 5;
  const accounts = await provider.listAccounts();
  return {provider, accounts, stop: () => connection.close()};
}

/** Deploys what is committed as production build. */
export async function deploy(name: string, signer: Signer, ...values: unknown[]): Promise<Contract> {
  const {abi, bytecode} = JSON.parse(readFileSync(new URL(`${name}.json`, ARTIFACTS), 'utf8')) as {
    abi: InterfaceAbi;
    bytecode: string;
  };
  const deployed = await new ContractFactory(abi, bytecode, signer).deploy(...values);
  return (await deployed.waitForDeployment()) as unknown as Contract;
}
