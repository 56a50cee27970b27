import {afterAll, beforeAll, expect, it} from 'vitest';

import {LocalNetwork} from '../../support/local-network.ts';

const digest = (digit: string): string => `0x${digit.repeat(64)}`;

let network: LocalNetwork;
let provider: string;

interface Report {
  evidence: string;
  status: string;
  account: string;
}
const reports = async () => (await network.json<{reports: Report[]}>(['slash', 'list', provider])).reports;
const as = (wallet: string, ...args: string[]) => [...args, '--wallet', wallet, '--yes'];

beforeAll(async () => {
  network = await LocalNetwork.start();
  provider = await network.address('provider');
  await network.json(as('provider', 'stake', '10000', '--provider'));
}, 70_000);

afterAll(() => network[Symbol.asyncDispose]());

it('reports, disputes and carries out', {timeout: 120_000}, async () => {
  await network.json(as('client', 'slash', 'report', provider, '--digest', digest('1'), '--digest', digest('2')));
  await network.json(as('client', 'slash', 'report', provider, '--digest', digest('3')));
  const [first, second] = (await reports()) as [Report, Report];
  expect(first).toMatchObject({status: 'open', account: provider});
  await network.json(as('provider', 'slash', 'dispute', second.evidence.slice(0, 10)));
  const early = await network.run(as('staker', 'slash', 'execute', first.evidence.slice(0, 10)));
  expect(early).toMatchObject({code: 1, stderr: expect.stringContaining('can still be disputed') as string});
  await network.json(['chain', 'advance', '3d']);
  await network.json(as('staker', 'slash', 'execute', first.evidence.slice(0, 10)));
  expect((await reports()).map(({status}) => status)).toEqual(['executed', 'disputed']);
  const text = await network.run(['slash', 'list']);
  expect(text.stdout).toMatch(/REPORT +ACCOUNT[\s\S]*executed[\s\S]*disputed/);
  const {staked} = await network.json<{staked: string}>(['stake', 'status', provider]);
  expect(staked).toBe(String(9_900n * 10n ** 18n));
});

it('names what is wrong', {timeout: 60_000}, async () => {
  const cases: [string[], number, string][] = [
    [as('client', 'slash', 'report', provider, '--digest', '0x12'), 2, 'is not a digest'],
    [as('client', 'slash', 'report', provider), 2, 'digest'],
    [as('client', 'slash', 'dispute', '0x12345678'), 2, 'no report'],
    [as('client', 'slash', 'report', provider, '--digest', digest('1')), 1, 'reported already'],
  ];
  for (const [args, code, text] of cases) {
    const result = await network.run(args);
    expect({code: result.code, text: result.stderr.includes(text) ? text : result.stderr}).toEqual({code, text});
  }
});
