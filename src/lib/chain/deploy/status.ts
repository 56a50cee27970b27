import type {Chain} from '../chain.ts';
import {quiverChannelsAbi} from '../gen/quiver-channels.ts';
import {quiverRolesAbi} from '../gen/quiver-roles.ts';
import {quiverSettlementAbi} from '../gen/quiver-settlement.ts';
import {quiverStakingAbi} from '../gen/quiver-staking.ts';
import type {Deployments} from './deployments.ts';

export interface ContractsStatus {
  chain: {id: number; name: string; block: number};
  contracts: {name: string; address: string; block?: number; state: string; link?: string}[];
  roles: Deployments['roles'];
}

/** What is deployed and how it is: missing, paused, not wired yet. */
export async function contractsStatus(chain: Chain, deployments: Deployments): Promise<ContractsStatus> {
  const {id, name: chainName} = chain.profile.chain;
  const {number} = await chain.block('latest');
  const contracts = await Promise.all(
    Object.entries(deployments.contracts).map(async ([name, {address, block}]) => {
      const link = chain.link({address});
      return {
        name,
        address,
        ...(block !== undefined && {block}),
        state: await stateOf(chain, name, address),
        ...(link !== undefined && {link}),
      };
    }),
  );
  return {chain: {id, name: chainName, block: number}, contracts, roles: deployments.roles};
}

async function stateOf(chain: Chain, name: string, address: string): Promise<string> {
  if ((await chain.code(address)) === '0x') return 'missing';
  switch (name) {
    case 'QUIVerRoles': {
      const isWired = await chain.contract(quiverRolesAbi, address).read('wired', []);
      return isWired ? 'the timelock governs' : 'not wired yet';
    }
    case 'QUIVerStaking':
      return pauseText((await chain.contract(quiverStakingAbi, address).read('poolInfo', [])).paused);
    case 'QUIVerChannels':
      return pauseText(await chain.contract(quiverChannelsAbi, address).read('paused', []));
    case 'QUIVerSettlement':
      return pauseText(await chain.contract(quiverSettlementAbi, address).read('paused', []));
    default:
      return 'deployed';
  }
}

function pauseText(isPaused: boolean): string {
  return isPaused ? 'paused' : 'open';
}
