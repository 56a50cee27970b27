import {spawn} from 'node:child_process';
import {statSync} from 'node:fs';
import {join} from 'node:path';
import {DatabaseSync} from 'node:sqlite';

import {Transaction} from 'ethers';
import {describe, expect, it, vi} from 'vitest';

import {fromHex, toHex} from '../../../../src/lib/core/bytes.ts';
import {paymentKeyFromBytes} from '../../../../src/lib/core/secp256k1.ts';
import {localAccountsFile, readLocalAccounts, type LocalAccount} from '../../../../src/lib/chain/local/accounts.ts';
import {LocalChain} from '../../../../src/lib/chain/local/local-chain.ts';
import {startChain} from '../../../support/local-chain.ts';
import {ROOT} from '../../../support/quiver.ts';
import {temporaryFolder} from '../../../support/temporary-folder.ts';

const STRANGER = '0x00000000000000000000000000000000000000ab';

function transfer({secret}: LocalAccount, nonce: number): string {
  const fees = {maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 9n};
  const made = Transaction.from({type: 2, chainId: 31_337, nonce, to: STRANGER, value: 1, gasLimit: 21_000, ...fees});
  made.signature = toHex(paymentKeyFromBytes(secret).sign(fromHex(made.unsignedHash)!));
  return made.serialized;
}

async function hashAt(chain: LocalChain, number: number): Promise<string> {
  const {result} = await chain.request('eth_getBlockByNumber', [`0x${number.toString(16)}`, false]);
  return (result as {hash: string}).hash;
}

describe('a local chain', () => {
  it('is ready within 100 ms', async () => {
    const times: number[] = [];
    for (let run = 0; run < 5; run += 1) {
      const started = performance.now();
      const chain = await LocalChain.open({chainId: 31_337, accounts: [STRANGER]});
      await chain.request('eth_chainId', []);
      times.push(performance.now() - started);
      await chain.close();
    }
    // The machine may be busy with other tests: its best run says what the chain needs.
    expect(Math.min(...times)).toBeLessThan(100);
  });

  it('goes on where it stopped, with the same blocks and the same time', async () => {
    const first = await startChain({keep: true});
    const [account] = first.accounts;
    await first.chain.request('eth_sendRawTransaction', [transfer(account!, 0)]);
    await first.chain.advance(14 * 86_400);
    await first.chain.mine(3, 60);
    // A question about now changes nothing that is kept.
    await first.chain.request('eth_call', [{to: STRANGER, data: '0x'}, 'latest']);
    await first.chain.request('eth_sendRawTransaction', [transfer(account!, 1)]);
    const {latest} = first.chain;
    const hashes = await Promise.all([1, 2, 5, latest.number].map((number) => hashAt(first.chain, number)));
    await first.stop();

    const second = await startChain({keep: true, folder: first.folder});
    expect(second.chain.latest).toEqual(latest);
    expect(second.chain.replayed.blocks).toBe(latest.number);
    expect(await Promise.all([1, 2, 5, latest.number].map((number) => hashAt(second.chain, number)))).toEqual(hashes);
    await second.chain.mine(1);
    expect(second.chain.latest.timestamp).toBeGreaterThanOrEqual(latest.timestamp + 1);
    expect(await second.chain.request('eth_sendRawTransaction', [transfer(account!, 2)])).toHaveProperty('result');
  });

  it('tells views the time of now, not that of the last block', async () => {
    let now = 1_800_000_000;
    const {chain} = await startChain({now: () => now});
    // TIMESTAMP, as creation code that returns it.
    const clock = {data: '0x4260005260206000f3'};
    await chain.mine(1);
    now += 1_000;
    const {result} = await chain.request('eth_call', [clock, 'latest']);
    expect(Number(result) - 1_800_001_000).toBeOneOf([0, 1]);
  });

  it('has accounts of its own, in a file for its owner alone', async () => {
    const [one, other] = [await startChain(), await startChain()];
    expect(statSync(localAccountsFile(one.folder)).mode & 0o777).toBe(0o600);
    expect(one.account('staker').address).not.toBe(other.account('staker').address);
    expect(await readLocalAccounts(one.folder)).toEqual(one.accounts);
  });

  it('refuses to be replayed into something else', async () => {
    const first = await startChain({keep: true});
    await first.chain.request('eth_sendRawTransaction', [transfer(first.accounts[0]!, 0)]);
    await first.chain.mine(2);
    await first.stop();
    const path = join(first.folder, 'blocks.db');
    const database = new DatabaseSync(path);
    database.exec('UPDATE block SET timestamp = timestamp + 1 WHERE number = 1');
    database.close();
    await expect(startChain({keep: true, folder: first.folder})).rejects.toMatchObject({
      code: 'LOCAL_CHAIN_DIVERGED',
      fix: expect.stringContaining(`mv '${path}'`),
    });
  });

  it('belongs to one process', async () => {
    const first = await startChain({keep: true});
    const open = LocalChain.open({chainId: 31_337, accounts: [], path: join(first.folder, 'blocks.db')});
    await expect(open).rejects.toMatchObject({code: 'STORE_LOCKED'});
  });

  it('does nothing more once the disk is full, and tells why', async () => {
    // The database of the chain is its own business; here it is needed to take the room away.
    const prepare = vi.spyOn(DatabaseSync.prototype, 'prepare');
    const {chain, accounts, folder, stop} = await startChain({keep: true});
    const database = prepare.mock.contexts[0] as DatabaseSync;
    prepare.mockRestore();
    await chain.request('eth_sendRawTransaction', [transfer(accounts[0]!, 0)]);
    database.exec('PRAGMA max_page_count=8');
    const send = (nonce: number) => chain.request('eth_sendRawTransaction', [transfer(accounts[0]!, nonce)]);
    await expect(
      (async () => {
        for (let nonce = 1; nonce < 2_000; nonce += 1) await send(nonce);
      })(),
    ).rejects.toMatchObject({code: 'STORE_FULL'});
    await expect(chain.advance(1)).rejects.toMatchObject({code: 'STORE_FULL'});
    const known = (await chain.request('eth_blockNumber', [])).result;
    await stop();
    const again = await LocalChain.open({chainId: 31_337, accounts: [], path: join(folder, 'blocks.db')});
    // All but the one that could not be written down.
    expect(again.latest.number).toBe(Number(known) - 1);
    await again.close();
  });

  it('keeps everything that it answered for, also when it is killed', async () => {
    const folder = temporaryFolder();
    const child = spawn(process.execPath, [join(ROOT, 'test/support/chain-process.ts'), folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    for await (const chunk of child.stdout) {
      printed += String(chunk);
      if (printed.split('\n').length > 60) child.kill('SIGKILL');
    }
    // The last line may be torn.
    const acknowledged = printed.split('\n').slice(0, -1);
    const chain = await LocalChain.open({chainId: 31_337, accounts: [], path: join(folder, 'blocks.db')});
    expect(acknowledged.length).toBeGreaterThan(50);
    for (const line of acknowledged) {
      const [number, hash] = line.split(' ');
      expect(await hashAt(chain, Number(number))).toBe(hash);
    }
    await chain.close();
  });

  it('knows nothing that would impersonate or conjure', async () => {
    const {chain} = await startChain({keep: true});
    for (const method of ['hardhat_setBalance', 'hardhat_impersonateAccount', 'evm_snapshot', 'eth_sendTransaction']) {
      expect((await chain.request(method, [])).error).toMatchObject({code: -32_601});
    }
  });
});
