import type {TransactionStep} from '../../chain/plan.ts';
import {amountToText, dateToText} from '../../core/units.ts';
import type {Signer} from '../../identity/signer.ts';
import {chainTime, type Draft, type MoneyContracts} from '../contracts.ts';
import {notNow, wrongValue} from '../errors.ts';
import {approvalSteps, requireQuiv} from '../funds.ts';
import {storeScope, type ChannelView} from './list.ts';
import type {ChannelStore} from './store.ts';
import {channelId, compactSignature, signVoucher, type SignedVoucher} from './voucher.ts';

/** For the cost of steps that can't be simulated before the approval ahead of them. */
const OPEN_GAS = 80_000n;
const TOP_UP_GAS = 60_000n;

const short = (address: string): string => `${address.slice(0, 8)}…${address.slice(-4)}`;

export interface OpenRequest {
  from: string;
  provider: string;
  /** Base units. */
  amount: bigint;
  /** Whose key signs the vouchers. @default from */
  signer?: string | undefined;
}

/** Allows and opens. Throws `INSUFFICIENT_QUIV`, `CHANNEL_OPEN`, `CHANNEL_SELF`. */
export async function openPlan(money: MoneyContracts, request: OpenRequest): Promise<Draft> {
  const {from, provider, amount, signer = from} = request;
  const {channels} = money;
  if (provider === from)
    throw wrongValue('CHANNEL_SELF', 'A channel to oneself pays nobody', 'quiver channel open --help');
  const {deposit} = await channels.read('channelOf', [idText({payer: from, signer, provider})]);
  if (deposit > 0n) {
    const fix = `quiver channel topup ${provider} ${amountToText(amount)}`;
    throw notNow('CHANNEL_OPEN', `There is an open channel to ${provider} already`, fix);
  }
  await requireQuiv(money, from, amount);
  const approval = await approvalSteps(money, {owner: from, spender: channels.address, amount, purpose: 'channels'});
  const what = `Open a channel to ${short(provider)} with ${amountToText(amount)} QUIV`;
  const data = channels.encode('openChannel', [provider, signer, amount]);
  const open = {what, to: channels.address, data, quiv: amount, gas: OPEN_GAS};
  return {title: what, steps: [...approval, open]};
}

/** Allows and tops up; ends a closing that the payer began. Throws `INSUFFICIENT_QUIV`. */
export async function topUpPlan(
  money: MoneyContracts,
  channel: ChannelView,
  {from, amount}: {from: string; amount: bigint},
): Promise<Draft> {
  const {channels} = money;
  const {payer, signer, provider} = channel;
  await requireQuiv(money, from, amount);
  const approval = await approvalSteps(money, {owner: from, spender: channels.address, amount, purpose: 'channels'});
  const ends = channel.closableAt > 0n ? '; that ends its closing' : '';
  const what = `Add ${amountToText(amount)} QUIV to the channel to ${short(provider)}`;
  const data = channels.encode('topUp', [payer, signer, provider, amount]);
  const step = {what, to: channels.address, data, quiv: amount, gas: TOP_UP_GAS};
  return {title: `${what}${ends}`, steps: [...approval, step]};
}

/**
 * Closes: the provider at once, with its newest voucher; the payer in two steps with a day between, for the provider
 * to redeem. Throws `CHANNEL_CLOSING`.
 */
export async function closePlan(money: MoneyContracts, channel: ChannelView): Promise<Draft> {
  const {channels, chain} = money;
  const {payer, signer, provider} = channel;
  const plan = (what: string, data: string): Draft => ({title: what, steps: [{what, to: channels.address, data}]});
  if (channel.role !== 'payer') {
    const {nonce = 0n, balance = 0n} = channel.newest?.voucher ?? {};
    const {r, vs} = compactSignature(channel.newest?.signature ?? new Uint8Array(65));
    const rest = channel.deposit - channel.settled - channel.payable;
    const what = `Redeem ${amountToText(channel.payable)} QUIV and close the channel of ${short(payer)}, who gets ${amountToText(rest)} QUIV back`;
    return plan(what, channels.encode('closeByProvider', [payer, signer, nonce, balance, r, vs]));
  }
  const promised = channel.payable > 0n ? `, of which ${amountToText(channel.payable)} are promised` : '';
  const rest = `${amountToText(channel.deposit - channel.settled)} QUIV${promised}`;
  if (channel.closableAt === 0n) {
    const what = `Begin to close the channel to ${short(provider)}, which holds ${rest}`;
    return plan(what, channels.encode('startClose', [signer, provider]));
  }
  if ((await chainTime(money)) < channel.closableAt) {
    const time = chain.id === 31_337 ? 'quiver chain advance 1d' : 'Run it again after that.';
    throw notNow('CHANNEL_CLOSING', `The provider may redeem until ${dateToText(channel.closableAt)}`, time);
  }
  const what = `Finish closing the channel to ${short(provider)}, which gives ${rest} back`;
  return plan(what, channels.encode('finalizeClose', [payer, signer, provider]));
}

/** Takes the beginning of a closing back. Throws `CHANNEL_NOT_CLOSING`. */
export function cancelClosePlan({channels}: MoneyContracts, channel: ChannelView): Draft {
  if (channel.closableAt === 0n || channel.role === 'provider') {
    throw notNow('CHANNEL_NOT_CLOSING', 'You are not closing this channel', 'quiver channel list');
  }
  const what = `Keep the channel to ${short(channel.provider)} open`;
  const data = channels.encode('cancelClose', [channel.signer, channel.provider]);
  return {title: what, steps: [{what, to: channels.address, data}]};
}

/** Pays the provider what its newest voucher adds. Throws `VOUCHER_NONE`, `VOUCHER_USED`. */
export function redeemStep({channels}: MoneyContracts, channel: ChannelView): TransactionStep {
  const {payer, signer, provider, newest} = channel;
  if (newest === undefined) {
    const fix = 'Bring it: quiver channel redeem --voucher FILE';
    throw notNow('VOUCHER_NONE', `There is no voucher of ${payer} on this machine`, fix);
  }
  if (channel.payable === 0n) {
    const paid = amountToText(channel.settled);
    throw notNow(
      'VOUCHER_USED',
      `The newest voucher pays nothing more than the ${paid} QUIV before`,
      'quiver channel list',
    );
  }
  const {nonce, balance} = newest.voucher;
  const {r, vs} = compactSignature(newest.signature);
  return {
    what: `Redeem ${amountToText(channel.payable)} QUIV from the channel of ${short(payer)}`,
    to: channels.address,
    data: channels.encode('redeem', [payer, signer, provider, nonce, balance, r, vs]),
  };
}

/** One transaction for each of these channels. */
export function redeemPlan(money: MoneyContracts, list: readonly ChannelView[]): Draft {
  const steps = list.map((channel) => redeemStep(money, channel));
  const total = list.reduce((sum, {payable}) => sum + payable, 0n);
  return {title: `Redeem ${amountToText(total)} QUIV`, steps};
}

/**
 * Signs a voucher that pays the provider `amount` more, and keeps it before it is handed out.
 * Throws `CHANNEL_NOT_PAYER`, `CHANNEL_EXHAUSTED`, `VOUCHER_ELSEWHERE`, `VOUCHER_SIGNER`.
 */
export async function pay(
  money: MoneyContracts,
  store: ChannelStore,
  channel: ChannelView,
  {amount, signer, signal}: {amount: bigint; signer: Signer; signal: AbortSignal},
): Promise<SignedVoucher> {
  const {payer, provider, deposit, newest} = channel;
  if (channel.role === 'provider') {
    throw notNow('CHANNEL_NOT_PAYER', `${payer} pays through this channel`, 'Ask them for the voucher.');
  }
  const before = newest?.voucher.balance ?? 0n;
  if (channel.settled > before) throw signedElsewhere(channel, before);
  if (before + amount > deposit) {
    const missing = amountToText(before + amount - deposit);
    const left = amountToText(deposit > before ? deposit - before : 0n);
    throw notNow(
      'CHANNEL_EXHAUSTED',
      `Only ${left} QUIV are left in the channel`,
      `quiver channel topup ${provider} ${missing}`,
    );
  }
  const {contract, chainKey} = storeScope(money);
  const parties = {payer, signer: channel.signer, provider};
  const voucher = {
    channelId: channelId(parties),
    epoch: channel.epoch,
    nonce: (newest?.voucher.nonce ?? 0n) + 1n,
    balance: before + amount,
  };
  const signed = await signVoucher({contract, parties, voucher}, signer, signal);
  if (store.extend({chainKey}, signed)) return signed;
  // Another process signed meanwhile: with both out, the provider would be paid for one of them only.
  throw notNow('VOUCHER_RACE', 'Another payment through this channel was made meanwhile', 'Run it again.');
}

/** Keeps a voucher that a payer handed over. Throws `VOUCHER_OTHER` when it is of another chain, contract or provider. */
export function takeVoucher(
  money: MoneyContracts,
  store: ChannelStore,
  signed: SignedVoucher,
  account: string,
): {isNew: boolean} {
  const {contract, chainKey} = storeScope(money);
  const same = signed.contract.chainId === contract.chainId && signed.contract.address === contract.address;
  if (!same || signed.parties.provider !== account) {
    const what = same
      ? `the provider ${signed.parties.provider}`
      : `chain ${signed.contract.chainId}, contract ${signed.contract.address}`;
    const fix = 'Choose that network with --profile, or that wallet with --wallet.';
    throw wrongValue('VOUCHER_OTHER', `The voucher is for ${what}`, fix);
  }
  return {isNew: store.keep({chainKey}, signed)};
}

function idText(parties: {payer: string; signer: string; provider: string}): string {
  return `0x${Buffer.from(channelId(parties)).toString('hex')}`;
}

/** Whoever signs on top of a sum because a server tells it could be made to sign the whole deposit away. */
function signedElsewhere({id, provider, settled}: ChannelView, signed: bigint): Error {
  const message = `The chain says that ${provider} was paid ${amountToText(settled)} QUIV through this channel, and this machine signed ${amountToText(signed)}`;
  const fix = `Pay from where the others were signed, or have it closed and open another: quiver channel close ${id.slice(0, 10)}. If none were, the RPC server lies.`;
  return notNow('VOUCHER_ELSEWHERE', message, fix);
}
