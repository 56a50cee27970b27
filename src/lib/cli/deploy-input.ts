import type {DeployedName} from '../chain/deploy/contract-set.ts';
import {parseDuration} from '../core/units.ts';
import {addressArgument, amountArgument} from './amounts.ts';
import type {DeployWishes} from './deploy.ts';
import {accountOfLocalChain, openAccount, type Account, type AccountOptions} from './wallet.ts';

interface DeployFlags {
  contract?: Exclude<DeployedName, 'QUIVerStakingImplementation'> | undefined;
  holder?: string | undefined;
  multisig?: string | undefined;
  guardian?: string | undefined;
  arbiter?: string | undefined;
  'minimum-bond'?: string | undefined;
  'activation-delay'?: string | undefined;
  'i-know-this-is-unaudited': boolean;
}

/** What the flags of `contracts deploy` ask for; a wrong address or amount is a usage error. */
export async function deployWishes(flags: DeployFlags): Promise<DeployWishes> {
  const {'minimum-bond': bond, 'activation-delay': delay} = flags;
  const role = (text: string | undefined): Promise<string> | undefined =>
    text === undefined ? undefined : addressArgument(text);
  return {
    only: flags.contract,
    holder: await role(flags.holder),
    multisig: await role(flags.multisig),
    guardian: await role(flags.guardian),
    arbiter: await role(flags.arbiter),
    minimumBond: bond === undefined ? undefined : amountArgument(bond),
    activationDelaySeconds: delay === undefined ? undefined : Math.round(parseDuration(delay) / 1000),
    knowsUnaudited: flags['i-know-this-is-unaudited'],
  };
}

/** The account that deploys; on a chain of this machine that is its first account, unless another is named. */
export async function deployAccount(options: AccountOptions): Promise<Account> {
  const {settings, places, environment} = options;
  const chosen = settings.origin('wallet.name').layer !== 'default' || (environment['PRIVATE_KEY'] ?? '') !== '';
  const deployer = chosen ? undefined : await accountOfLocalChain(settings.profile, places, 'deployer');
  return deployer ?? openAccount(options);
}
