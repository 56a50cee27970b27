// Carries a plan of two transfers out and kills itself at a given moment: `before send 1`, `after send 0`, `mined 0`.
import {openChain} from '../../src/lib/chain/open-chain.ts';
import {execute} from '../../src/lib/chain/execute.ts';
import {TransactionJournal} from '../../src/lib/chain/journal.ts';
import type {TransactionPlan} from '../../src/lib/chain/plan.ts';
import {fromHex} from '../../src/lib/core/bytes.ts';
import {keySigner} from '../../src/lib/identity/signer.ts';
import {profileAt} from './profile-at.ts';

export interface ProcessOrders {
  url: string;
  journal: string;
  secret: string;
  /** Amounts of POL, base units. */
  steps: {what: string; to: string; value: string}[];
  dieAt: string;
}

if (process.env['ORDERS'] !== undefined) {
  const {url, journal, secret, steps, dieAt} = JSON.parse(process.env['ORDERS']) as ProcessOrders;
  const die = (moment: string): void => {
    if (moment === dieAt) process.kill(process.pid, 'SIGKILL');
  };
  const chain = await openChain(profileAt(url, 31_337));
  const ask = chain.request.bind(chain);
  let sends = 0;
  chain.request = async (method, params) => {
    if (method !== 'eth_sendRawTransaction') return ask(method, params);
    die(`before send ${sends}`);
    const answer = await ask(method, params);
    die(`after send ${sends}`);
    sends += 1;
    return answer;
  };
  const signer = keySigner(fromHex(secret) ?? new Uint8Array());
  const onStep = ({index, phase}: {index: number; phase: string}): void => die(`${phase} ${index}`);
  using kept = new TransactionJournal(journal);
  const plan: TransactionPlan = {
    kind: 'test',
    key: 'two transfers',
    title: 'Give twice',
    from: signer.address,
    steps: steps.map(({value, ...step}) => ({...step, data: '0x', value: BigInt(value)})),
  };
  const result = await execute(plan, {chain, journal: kept, signer, onStep});
  process.stdout.write(`${JSON.stringify({resumed: result.resumed})}\n`);
}
