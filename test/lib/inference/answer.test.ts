import {afterEach, expect, it} from 'vitest';

import {receiptFromJson} from '../../../src/lib/records/receipt-json.ts';
import {verifyReceipt} from '../../../src/lib/records/verify-receipt.ts';
import {TestNetwork, textOf} from '../../support/network.ts';
import {ScriptedBackend} from '../../support/scripted-backend.ts';

let network: TestNetwork;
afterEach(async () => network?.[Symbol.asyncDispose]());

it('answers a question over a network of three', async () => {
  network = new TestNetwork();
  await network.addBootstrap();
  const provider = await network.addProvider(new ScriptedBackend());
  const client = await network.addClient();
  const events = await client.ask({model: 'parrot'});
  await client.ask({model: 'parrot'});
  await client.ask({model: 'parrot'});
  expect(textOf(events)).toBe(Array.from({length: 10}, (_, at) => `word${at + 1} `).join(''));
  const receipt = events.find((event) => event.event === 'receipt');
  expect(
    verifyReceipt(receiptFromJson(JSON.parse(JSON.stringify(receipt?.event === 'receipt' ? receipt.receipt : {})))),
  ).toEqual({ok: true, problems: []});
  expect(provider.peerId).toBe(events.at(-1)?.event === 'end' ? (events.at(-1) as {provider: string}).provider : '');
});
