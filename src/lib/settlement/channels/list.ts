import {fromHex, toHex} from '../../core/bytes.ts';
import {allEvents} from '../all-events.ts';
import type {MoneyContracts} from '../contracts.ts';
import {idPrefix, theOnly} from '../by-prefix.ts';
import type {ChannelStore, StoreScope} from './store.ts';
import type {ChannelParties, SignedVoucher} from './voucher.ts';

/** A channel as the chain and this machine know it. Amounts in base units. */
export interface ChannelView extends ChannelParties {
  /** `0x` and 64 digits. */
  id: string;
  epoch: number;
  /** Whether the account that asked pays, is paid, or both. */
  role: 'payer' | 'provider' | 'both';
  /** 0 once it is closed. */
  deposit: bigint;
  settled: bigint;
  /** When its payer may have the rest back; 0: nobody is closing. */
  closableAt: bigint;
  /** The newest voucher that is kept here. */
  newest: SignedVoucher | undefined;
  /** What that voucher would still pay now. */
  payable: bigint;
}

/** Where vouchers of these contracts are kept. */
export function storeScope({chain, channels}: MoneyContracts): StoreScope {
  return {chainKey: chain.key, contract: {chainId: chain.id, address: channels.address}};
}

/** The channels that an account pays through or is paid by, in the order in which they were first opened. */
export async function listChannels(
  money: MoneyContracts,
  store: ChannelStore,
  account: string,
  {closed = false}: {closed?: boolean} = {},
): Promise<ChannelView[]> {
  const {chain, channels, startBlock: fromBlock} = money;
  const [paying, paid] = await Promise.all([
    allEvents(chain, channels, 'ChannelOpened', {fromBlock, indexed: [null, account]}),
    allEvents(chain, channels, 'ChannelOpened', {fromBlock, indexed: [null, null, account]}),
  ]);
  const parties = new Map([...paying, ...paid].map(({id, payer, signer, provider}) => [id, {payer, signer, provider}]));
  const views = await Promise.all([...parties].map(([id, who]) => viewChannel(money, store, id, who, account)));
  return views.filter(({deposit}) => closed || deposit > 0n);
}

/**
 * The open channel that is meant: by the first digits of its id, or by the address of the other side.
 * Throws `CHANNEL_UNKNOWN`, `CHANNEL_AMBIGUOUS`.
 */
export async function findChannel(
  money: MoneyContracts,
  store: ChannelStore,
  account: string,
  wanted: string,
): Promise<ChannelView> {
  const text = idPrefix(wanted);
  const open = text === undefined ? [] : await listChannels(money, store, account);
  const found = open.filter(
    ({id, payer, provider}) =>
      id.startsWith(text ?? '') || [payer, provider].some((side) => side !== account && side.toLowerCase() === text),
  );
  const what = `open channel of ${account}`;
  return theOnly(found, {code: 'CHANNEL', what, wanted, list: 'quiver channel list'});
}

/** What a balance that was signed still pays: at most the deposit, less what was paid before (ChannelMath.payable_). */
export function payableNow(balance: bigint, {deposit, settled}: {deposit: bigint; settled: bigint}): bigint {
  const limit = balance < deposit ? balance : deposit;
  return limit > settled ? limit - settled : 0n;
}

async function viewChannel(
  money: MoneyContracts,
  store: ChannelStore,
  id: string,
  parties: ChannelParties,
  account: string,
): Promise<ChannelView> {
  const {deposit, settled, closableAt, epoch} = await money.channels.read('channelOf', [id]);
  const newest = store.newest(storeScope(money), fromHex(id, 32) ?? new Uint8Array(), Number(epoch));
  const isPayer = parties.payer === account;
  return {
    id: toHex(fromHex(id, 32) ?? new Uint8Array()),
    ...parties,
    role: isPayer && parties.provider === account ? 'both' : isPayer ? 'payer' : 'provider',
    epoch: Number(epoch),
    deposit,
    settled,
    closableAt,
    newest,
    payable: payableNow(newest?.voucher.balance ?? 0n, {deposit, settled}),
  };
}
