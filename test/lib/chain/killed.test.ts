import {join} from 'node:path';

import {describe, expect, it} from 'vitest';

import {toHex} from '../../../src/lib/core/bytes.ts';
import type {ProcessOrders} from '../../support/execute-process.ts';
import {startChain} from '../../support/local-chain.ts';
import {ROOT, runQuiver} from '../../support/quiver.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const ALICE = '0x00000000000000000000000000000000000A11cE';
const BOB = '0x0000000000000000000000000000000000000B0b';
const SCRIPT = join(ROOT, 'test/support/execute-process.ts');

describe('a process that is killed in the middle of a plan', () => {
  it.each(['before send 0', 'after send 0', 'mined 0', 'before send 1', 'after send 1'])(
    'at "%s": the next one finishes it, and nothing is paid twice',
    async (dieAt) => {
      const test = await startChain();
      const orders: ProcessOrders = {
        url: test.url,
        journal: join(temporaryFolder(), 'transactions.db'),
        secret: toHex(test.account('staker').secret),
        dieAt,
        steps: [
          {what: 'Alice', to: ALICE, value: '5'},
          {what: 'Bob', to: BOB, value: '7'},
        ],
      };
      const run = (dies: string) =>
        runQuiver([], {script: SCRIPT, env: {...process.env, ORDERS: JSON.stringify({...orders, dieAt: dies})}});
      expect(await run(dieAt)).toMatchObject({signal: 'SIGKILL', stdout: ''});
      expect(await run('never')).toMatchObject({code: 0, stdout: '{"resumed":true}\n'});
      const chain = await test.connect();
      expect([await chain.balance(ALICE), await chain.balance(BOB)]).toEqual([5n, 7n]);
    },
  );
});
