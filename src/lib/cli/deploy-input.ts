import type {DeployedName} from '../chain/deploy/contract-set.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import {addressFromBytes, addressToBytes} from '../core/secp256k1.ts';
import {parseAmount, parseDuration} from '../core/units.ts';
import type {DeployWishes} from './deploy.ts';
import {openAccount, type Account, type AccountOptions} from './wallet.ts';

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
export function deployWishes(flags: DeployFlags): DeployWishes {
  const roles = ['holder', 'multisig', 'guardian', 'arbiter'] as const;
  const {'minimum-bond': bond, 'activation-delay': delay} = flags;
  return {
    only: flags.contract,
    ...Object.fromEntries(roles.map((name) => [name, addressFlag(name, flags[name])])),
    minimumBond: bond === undefined ? undefined : parseAmount(bond),
    activationDelaySeconds: delay === undefined ? undefined : Math.round(parseDuration(delay) / 1000),
    knowsUnaudited: flags['i-know-this-is-unaudited'],
  };
}

/** The account that deploys; on a chain of this machine that is its first account, unless another is named. */
export async function deployAccount(options: AccountOptions): Promise<Account> {
  const {settings, places, environment} = options;
  const chosen = settings.origin('wallet.name').layer !== 'default' || (environment['PRIVATE_KEY'] ?? '') !== '';
  if (settings.profile.loopbackOnly && !chosen) {
    const [{readLocalAccounts, localChainFolder}, {keySigner}] = await Promise.all([
      import('../chain/local/accounts.ts'),
      import('../identity/signer.ts'),
    ]);
    const folder = localChainFolder(places, settings.profile.name);
    const deployer = (await readLocalAccounts(folder))?.find(({name}) => name === 'deployer');
    if (deployer !== undefined) {
      return {address: deployer.address, source: folder, unlock: () => Promise.resolve(keySigner(deployer.secret))};
    }
  }
  return openAccount(options);
}

function addressFlag(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const bytes = addressToBytes(text);
  if (bytes !== undefined) return addressFromBytes(bytes);
  throw new QuiverError({
    code: 'BAD_ADDRESS',
    message: `--${name} is not an address`,
    fix: 'Write 0x and 40 hexadecimal digits, with the right checksum if letters are of both cases.',
    exit: EXIT.usage,
  });
}
