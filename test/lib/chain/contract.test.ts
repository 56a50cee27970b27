import {describe, expect, it} from 'vitest';

import {interfaceOf} from '../../../src/lib/chain/contract.ts';
import {errorsAbi} from '../../../src/lib/chain/gen/errors.ts';
import {quivTokenAbi} from '../../../src/lib/chain/gen/quiv-token.ts';
import {quiverStakingAbi} from '../../../src/lib/chain/gen/quiver-staking.ts';
import {explainRevert} from '../../../src/lib/chain/reverts.ts';
import {REVERT_WORDS} from '../../../src/lib/chain/revert-words.ts';
import {RpcRefusal} from '../../../src/lib/chain/chain-errors.ts';
import {startChain} from '../../support/local-chain.ts';

describe('a contract', () => {
  it('gives single values bare and structs by name', async () => {
    const test = await startChain();
    const {contracts} = await test.setUp();
    const chain = await test.connect();
    const token = chain.contract(quivTokenAbi, contracts.QUIVToken!.address);
    expect(await token.read('symbol', [])).toBe('QUIV');
    expect(await token.read('decimals', [])).toBe(18n);
    const staking = chain.contract(quiverStakingAbi, contracts.QUIVerStaking!.address);
    const pool = await staking.read('poolInfo', []);
    expect(pool).toMatchObject({totalStaked: 0n, paused: false});
    expect(Object.getPrototypeOf(pool)).toBe(Object.prototype);
  });

  it('finds its events by name and filter', async () => {
    const test = await startChain();
    const {contracts} = await test.setUp();
    const chain = await test.connect();
    const token = chain.contract(quivTokenAbi, contracts.QUIVToken!.address);
    const staker = test.account('staker').address;
    expect((await token.events('Transfer')).length).toBeGreaterThan(4);
    const [only, ...more] = await token.events('Transfer', {indexed: [null, staker]});
    expect(more).toEqual([]);
    expect(only).toEqual({from: test.account('deployer').address, to: staker, value: 10n ** 24n});
  });
});

describe('what a contract refuses', () => {
  const refusal = (data?: string, message = 'execution reverted') => new RpcRefusal(3, message, data);

  it('has words for errors that exist, with arguments that exist', () => {
    const known = new Set(errorsAbi.map(({name}) => name as string));
    for (const [name, words] of REVERT_WORDS) {
      expect(known).toContain(name);
      const fragment = interfaceOf(errorsAbi).getError(name) ?? undefined;
      // Several contracts may have an error of one name; then each is looked at.
      const inputs = fragment?.inputs ?? [];
      // Contracts of strangers may give a time that no calendar has.
      for (const number of [1n, 2n ** 256n - 1n]) {
        const args = Object.fromEntries(inputs.map((input) => [input.name, input.type === 'address' ? '0xA' : number]));
        expect(words(args)).toEqual({message: expect.not.stringContaining('undefined'), fix: expect.any(String)});
      }
    }
  });

  it('is said in words, with the name of the error', () => {
    const data = interfaceOf(errorsAbi).encodeErrorResult('ERC20InsufficientBalance', [
      `0x${'11'.repeat(20)}`,
      5n,
      10n ** 18n,
    ]);
    expect(explainRevert(refusal(data))).toMatchObject({
      code: 'REVERTED',
      message: expect.stringContaining(
        'has 0.000000000000000005 QUIV, and this takes 1 QUIV (ERC20InsufficientBalance)',
      ),
    });
  });

  it('is shown by name and arguments where there are no words', () => {
    const data = interfaceOf(errorsAbi).encodeErrorResult('InvalidAccountNonce', [`0x${'11'.repeat(20)}`, 3n]);
    expect(explainRevert(refusal(data))!.message).toBe(
      'The contract refused, account 0x1111111111111111111111111111111111111111, currentNonce 3 (InvalidAccountNonce)',
    );
  });

  it('is shown as it is where it is none of ours', () => {
    expect(explainRevert(refusal('0xdeadbeef'))!.message).toContain('without a reason that we know');
    const text = `0x08c379a0${'20'.padStart(64, '0')}${'02'.padStart(64, '0')}${'6869'.padEnd(64, '0')}`;
    expect(explainRevert(refusal(text))!.message).toBe('The contract refused: hi');
    expect(explainRevert(refusal('0x08c379a0ff'))!.code).toBe('REVERTED');
    const long = interfaceOf(errorsAbi).encodeErrorResult('Error', ['x'.repeat(100_000)]);
    expect(explainRevert(refusal(long))!.message.length).toBeLessThan(1_000);
    expect(explainRevert(new RpcRefusal(-32_602, 'invalid params'))).toBeUndefined();
  });
});
