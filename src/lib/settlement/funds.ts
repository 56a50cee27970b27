import type {TransactionStep} from '../chain/plan.ts';
import {amountToText} from '../core/units.ts';
import type {Draft, MoneyContracts} from './contracts.ts';
import {insufficientPol, insufficientQuiv, wrongValue} from './errors.ts';

/** Gas of an ERC-20 approval, generously. */
const APPROVE_GAS = 50_000n;

/** Throws `INSUFFICIENT_QUIV` when an account has less than this. */
export async function requireQuiv({chain, token}: MoneyContracts, account: string, needs: bigint): Promise<void> {
  const has = await token.read('balanceOf', [account]);
  if (has < needs) throw insufficientQuiv(chain.profile, {address: account, has, needs});
}

/** The approval that a contract needs before it can take `amount`; none when it was given before. */
export async function approvalSteps(
  {token}: MoneyContracts,
  {owner, spender, amount, purpose}: {owner: string; spender: string; amount: bigint; purpose: string},
): Promise<TransactionStep[]> {
  const allowance = await token.read('allowance', [owner, spender]);
  if (allowance >= amount) return [];
  return [
    {
      what: `Allow ${purpose} to take ${amountToText(amount)} QUIV`,
      to: token.address,
      data: token.encode('approve', [spender, amount]),
      gas: APPROVE_GAS,
    },
  ];
}

/** None of them gives anything back that was sent to it instead of being staked or paid in. */
function refuseContracts({token, staking, settlement, channels}: MoneyContracts, to: string): void {
  const known = new Map([
    [token.address, 'the token itself'],
    [staking.address, 'the staking contract'],
    [settlement.address, 'the settlement contract'],
    [channels.address, 'the contract of the payment channels'],
  ]);
  const name = known.get(to);
  if (name === undefined) return;
  const fix = 'To stake: quiver stake AMOUNT; to pay a provider: quiver channel open PROVIDER AMOUNT';
  throw wrongValue('SEND_TO_CONTRACT', `${to} is ${name}: what is sent there is lost`, fix);
}

/** Sends tokens or POL. Throws `INSUFFICIENT_QUIV`, `INSUFFICIENT_POL`, `SEND_TO_CONTRACT`. */
export async function sendPlan(
  money: MoneyContracts,
  {from, to, amount, asset}: {from: string; to: string; amount: bigint; asset: 'quiv' | 'pol'},
): Promise<Draft> {
  const {chain, token} = money;
  refuseContracts(money, to);
  const title = `Send ${amountToText(amount)} ${asset.toUpperCase()} to ${to}`;
  if (asset === 'quiv') {
    await requireQuiv(money, from, amount);
    const data = token.encode('transfer', [to, amount]);
    return {title, steps: [{what: title, to: token.address, data, quiv: amount}]};
  }
  const has = await chain.balance(from);
  if (has < amount) throw insufficientPol(chain.profile, {address: from, has, needs: amount});
  return {title, steps: [{what: title, to, data: '0x', value: amount}]};
}
