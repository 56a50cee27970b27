import {amountToText, dateToText} from '../core/units.ts';

/** Arguments of a custom error by name. */
export type ErrorArguments = Readonly<Record<string, unknown>>;

export interface Words {
  message: string;
  fix: string;
}

const quiv = (value: unknown): string => `${amountToText(value as bigint)} QUIV`;
const date = (value: unknown): string => dateToText(value as bigint);
const days = (value: unknown): string => `${Number(value) / 86_400} days`;

const WAIT = 'Run it again then; on the local chain: quiver chain advance 14d';
const NOT_CHANGED = 'Nothing was changed. See how things stand with: quiver wallet where';

/** What the contracts' custom errors mean to a person; whatever isn't here is shown by its own name. */
export const REVERT_WORDS: ReadonlyMap<string, (args: ErrorArguments) => Words> = new Map<
  string,
  (args: ErrorArguments) => Words
>([
  [
    'ERC20InsufficientBalance',
    ({balance, needed, sender}) => ({
      message: `${String(sender)} has ${quiv(balance)}, and this takes ${quiv(needed)}`,
      fix: 'Use a smaller amount, or get more QUIV; on the local chain: quiver chain faucet',
    }),
  ],
  [
    'ERC20InsufficientAllowance',
    ({allowance, needed}) => ({
      message: `The contract may take ${quiv(allowance)} of yours, and this needs ${quiv(needed)}`,
      fix: 'Run the command again: it approves what is missing first.',
    }),
  ],
  [
    'ERC2612ExpiredSignature',
    () => ({message: 'The permit has expired', fix: 'Run the command again: it signs a new one.'}),
  ],
  [
    'StakeTooSmall',
    ({minimum, staked}) => ({
      message: `The stake would be ${quiv(staked)}, and the least is ${quiv(minimum)}`,
      fix: `Stake more, e.g.: quiver stake ${amountToText(minimum as bigint)}`,
    }),
  ],
  [
    'StakeInsufficient',
    ({requested, staked}) => ({
      message: `Only ${quiv(staked)} are staked, not ${quiv(requested)}`,
      fix: 'Ask for less; see the stake with: quiver stake status',
    }),
  ],
  [
    'InsufficientBalance',
    ({balance, needed}) => ({message: `There are ${quiv(balance)}, and this takes ${quiv(needed)}`, fix: NOT_CHANGED}),
  ],
  ['StillUnbonding', ({unlockAt}) => ({message: `The stake is unbonding until ${date(unlockAt)}`, fix: WAIT})],
  [
    'WithdrawOnHold',
    ({until}) => ({
      message: `A slash report is open, so nothing can be withdrawn before ${date(until)}`,
      fix: 'See it with: quiver slash list   and dispute it with: quiver slash dispute',
    }),
  ],
  ['NothingToWithdraw', () => ({message: 'There is nothing to withdraw', fix: 'See: quiver stake status'})],
  ['NothingToClaim', () => ({message: 'There is nothing to claim', fix: 'See: quiver wallet where'})],
  ['NoRewards', () => ({message: 'There are no rewards to pay out yet', fix: 'See: quiver rewards show'})],
  [
    'AutoCompoundOff',
    ({account}) => ({
      message: `${String(account)} has not switched auto-compounding on`,
      fix: 'Its owner can: quiver rewards compound --auto',
    }),
  ],
  [
    'CompoundTooSoon',
    ({compoundableAt}) => ({message: `The next compounding is possible at ${date(compoundableAt)}`, fix: WAIT}),
  ],
  ['DisputeWindowOpen', ({until}) => ({message: `The report can be disputed until ${date(until)}`, fix: WAIT})],
  [
    'DisputeWindowClosed',
    ({closedAt}) => ({message: `The time to dispute ended at ${date(closedAt)}`, fix: 'See: quiver slash list'}),
  ],
  ['ReportDisputed', () => ({message: 'The report is disputed; the arbiter decides', fix: 'See: quiver slash list'})],
  ['ReportNotOpen', () => ({message: 'There is no such open report', fix: 'See: quiver slash list'})],
  [
    'ViolationUsed',
    () => ({message: 'This violation has been reported already', fix: 'Report a new one; see: quiver slash list'}),
  ],
  ['NothingToSlash', ({account}) => ({message: `${String(account)} has nothing at stake`, fix: NOT_CHANGED})],
  ['SelfReport', () => ({message: 'An account can not report itself', fix: 'Report from another wallet.'})],
  [
    'DepositsPaused',
    () => ({
      message: 'The guardian has paused deposits; leaving and claiming still work',
      fix: 'Try again later, or look at: quiver contracts status',
    }),
  ],
  [
    'EnforcedPause',
    () => ({
      message: 'The guardian has paused this; leaving and claiming still work',
      fix: 'Try again later, or look at: quiver contracts status',
    }),
  ],
  [
    'AccessManagedUnauthorized',
    ({caller}) => ({
      message: `${String(caller)} has not the role that this needs`,
      fix: 'Use the wallet that has it; see: quiver contracts status',
    }),
  ],
  ['NotOpen', () => ({message: 'There is no such open channel', fix: 'See: quiver channel list'})],
  [
    'AlreadyOpen',
    () => ({
      message: 'A channel to this provider is open already',
      fix: 'Add to it: quiver channel topup   or see: quiver channel list',
    }),
  ],
  [
    'AlreadyClosing',
    ({closableAt}) => ({message: `The channel is closing already, until ${date(closableAt)}`, fix: WAIT}),
  ],
  ['NotClosing', () => ({message: 'The channel is not being closed', fix: 'Start with: quiver channel close CHANNEL'})],
  [
    'BalanceOutOfRange',
    ({settled, deposit}) => ({
      message: `The voucher must pay more than the ${quiv(settled)} already taken, and at most the deposit of ${quiv(deposit)}`,
      fix: 'Use the newest voucher; see: quiver channel list',
    }),
  ],
  ['NothingToRedeem', () => ({message: 'The voucher pays nothing new', fix: 'Use a newer one.'})],
  [
    'BadSignature',
    () => ({message: 'The signature is not that of the channel’s signer', fix: 'Ask the payer for a new voucher.'}),
  ],
  ['TooEarly', (args) => ({message: `It is possible from ${date(Object.values(args)[0])} on`, fix: WAIT})],
  ['NotPayer', ({payer}) => ({message: `Only the payer ${String(payer)} can do that`, fix: 'Use its wallet.'})],
  ['BatchWaiting', ({activeAt}) => ({message: `The batch counts from ${date(activeAt)} on`, fix: WAIT})],
  [
    'NotBonded',
    ({bond, minimum}) => ({
      message: `The aggregator's bond is ${quiv(bond)}, and the least is ${quiv(minimum)}`,
      fix: 'Deposit the bond first.',
    }),
  ],
  [
    'Suspended',
    () => ({
      message: 'The guardian disabled this aggregator’s last batch, so it may submit none',
      fix: 'Wait until the timelock has given its credit to an aggregator; see: quiver contracts status',
    }),
  ],
  [
    'InsufficientCredit',
    ({credit, needed}) => ({
      message: `The aggregator has redeemed ${quiv(credit)}, and the batch pays ${quiv(needed)}`,
      fix: 'Redeem the clients’ vouchers first.',
    }),
  ],
  [
    'DurationOutOfRange',
    ({minimum, maximum}) => ({
      message: `The time must lie between ${days(minimum)} and ${days(maximum)}`,
      fix: 'Give another time.',
    }),
  ],
  ['ZeroAmount', () => ({message: 'The amount is zero', fix: 'Give an amount above 0.'})],
]);
