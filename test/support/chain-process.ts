// Mines blocks on a kept local chain as fast as it can, and prints each one that it has answered for: to be killed.
import {join} from 'node:path';

import {LocalChain} from '../../src/lib/chain/local/local-chain.ts';

const [folder = ''] = process.argv.slice(2);
const chain = await LocalChain.open({chainId: 31_337, accounts: [], path: join(folder, 'blocks.db')});
for (;;) {
  const {number} = await chain.mine(1);
  const {result} = await chain.request('eth_getBlockByNumber', [`0x${number.toString(16)}`, false]);
  process.stdout.write(`${number} ${(result as {hash: string}).hash}\n`);
}
