import {writeFileSync} from 'node:fs';
import path from 'node:path';

import {costOf} from '../../src/lib/chain/cost.ts';
import {loadMoneyAddresses} from '../../src/lib/chain/deploy/deployments.ts';
import {execute} from '../../src/lib/chain/execute.ts';
import {TransactionJournal} from '../../src/lib/chain/journal.ts';
import {localChainFolder, readLocalAccounts} from '../../src/lib/chain/local/accounts.ts';
import {openChain} from '../../src/lib/chain/open-chain.ts';
import {channelsDatabase, controlSocket, placesUnder, runFile, walletsFolder} from '../../src/lib/config/places.ts';
import {BUILT_IN_PROFILES} from '../../src/lib/config/profile.ts';
import {fromHex} from '../../src/lib/core/bytes.ts';
import {toJson} from '../../src/lib/core/json.ts';
import {keySigner, type Signer} from '../../src/lib/identity/signer.ts';
import {Wallets} from '../../src/lib/identity/wallets.ts';
import {controlClient} from '../../src/lib/service/control-client.ts';
import {readRunFile} from '../../src/lib/service/run-file.ts';
import {findChannel} from '../../src/lib/settlement/channels/list.ts';
import {closePlan, openPlan, pay} from '../../src/lib/settlement/channels/plans.ts';
import {ChannelStore} from '../../src/lib/settlement/channels/store.ts';
import {voucherToJson} from '../../src/lib/settlement/channels/voucher.ts';
import {bindMoney, type Draft} from '../../src/lib/settlement/contracts.ts';
import {sendPlan} from '../../src/lib/settlement/funds.ts';
import {reportPlan} from '../../src/lib/settlement/staking/slashing.ts';
import {stakePlan} from '../../src/lib/settlement/staking/plans.ts';

const QUIV = 10n ** 18n;
const DAY_S = 86_400;
const PASSWORD = 'only for examples';

/** Well-known test keys, so that the ids of reports that examples name are always the same. */
const OWN_KEY = 'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
const OTHER_KEY = '59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d';

/** What the examples of the money commands need in their environment. */
export const MONEY_ENVIRONMENT = {QUIVER_WALLET_PASSWORD: PASSWORD};

/** Examples that end with something other than 0 in a home that was furnished, and why. */
export const MONEY_EXITS: readonly (readonly [example: string, code: number])[] = [
  ['quiver wallet create', 1 /* there is one already */],
  ['quiver stake withdraw --dry-run', 1 /* what was unstaked is still unbonding */],
  ['quiver stake withdraw --yes', 1],
];

/**
 * Brings a home, whose local chain is running, into the state that the examples of wallet, stake, rewards, slash and
 * channel speak of: a funded wallet with a stake and rewards, reports on it, and channels from and to it.
 */
export async function furnishMoney(home: string): Promise<void> {
  const places = placesUnder(home);
  const profile = BUILT_IN_PROFILES.get('local')!;
  const running = await readRunFile(runFile(places, profile.name));
  const rpcUrls = running!.services.find(({kind}) => kind === 'chain.local')!.addresses;
  const chain = await openChain(profile, {rpcUrls});
  const money = bindMoney(chain, await loadMoneyAddresses(places, profile.name, chain));
  const accounts = (await readLocalAccounts(localChainFolder(places, profile.name)))!;
  const [, , provider, client, aggregator] = accounts.map(({secret}) => keySigner(secret)) as [
    Signer,
    Signer,
    Signer,
    Signer,
    Signer,
  ];
  const [own, other] = [OWN_KEY, OTHER_KEY].map((key) => keySigner(fromHex(`0x${key}`, 32)!)) as [Signer, Signer];
  const me = own.address;

  using journal = new TransactionJournal(':memory:');
  using store = new ChannelStore(channelsDatabase(places));
  const {signal} = new AbortController();
  const run = async (signer: Signer, draft: Draft): Promise<void> => {
    const plan = {...draft, kind: 'furnish', key: String(Math.random()), from: signer.address};
    await costOf(chain, plan);
    await execute(plan, {chain, journal, signer, timing: {pollMs: 5}});
  };
  const advance = (seconds: number): Promise<unknown> =>
    controlClient(controlSocket(places, profile.name)).post('/chain/advance', {seconds}, signal);
  /** Somebody opens a channel to us and pays through it. */
  const payMe = async (signer: Signer): Promise<string> => {
    const from = signer.address;
    await run(signer, await openPlan(money, {from, provider: me, amount: 10n * QUIV}));
    const channel = await findChannel(money, store, from, me);
    return toJson(voucherToJson(await pay(money, store, channel, {amount: QUIV, signer, signal})));
  };

  writeFileSync(path.join(home, 'key.txt'), '7'.repeat(64));
  writeFileSync(path.join(home, 'password.txt'), PASSWORD);
  await new Wallets(walletsFolder(places)).import('default', OWN_KEY, PASSWORD);
  for (const {address: to} of [own, other]) {
    await run(provider, await sendPlan(money, {from: provider.address, to, amount: 50_000n * QUIV, asset: 'quiv'}));
    await run(provider, await sendPlan(money, {from: provider.address, to, amount: 10n * QUIV, asset: 'pol'}));
  }
  for (const signer of [own, other]) {
    await run(signer, await stakePlan(money, {from: signer.address, amount: 1_000n * QUIV}));
  }
  const report = async (digit: string): Promise<void> => {
    const request = {from: provider.address, account: me, violation: 'canary' as const};
    await run(provider, await reportPlan(money, {...request, digests: [`0x${digit.repeat(64)}`]}));
  };
  await report('3');
  await advance(3 * DAY_S);
  await report('4');

  writeFileSync(path.join(home, 'voucher.json'), await payMe(aggregator));
  await payMe(client);
  await run(client, await closePlan(money, await findChannel(money, store, client.address, me)));
  await run(own, await openPlan(money, {from: me, provider: other.address, amount: 10n * QUIV}));
}
