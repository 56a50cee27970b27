import {Wallet, ZeroAddress, id} from 'ethers';
import {it} from 'vitest';
import {deploy, startChain} from './chain.ts';
import {channelId, domainOf, signCompact, TYPES} from './settlement-support.ts';
it('trace', async () => {
  const chain = await startChain();
  const [d, p] = chain.accounts as any[];
  const owner = await d.getAddress();
  const auth = await deploy('AccessManager', d, owner);
  const token = await deploy('QUIVToken', d, owner);
  const ch = await deploy('QUIVerChannels', d, await token.getAddress(), await auth.getAddress());
  const w = new Wallet(id('payer'), chain.provider);
  await chain.provider.send('hardhat_setBalance', [w.address, '0x56bc75e2d63100000']);
  await (await (token as any).transfer(w.address, 10n ** 24n)).wait();
  await (await (token.connect(w) as any).approve(await ch.getAddress(), 2n ** 256n - 1n)).wait();
  const prov = await p.getAddress();
  await (await (ch.connect(w) as any).openChannel(prov, ZeroAddress, 10n ** 20n)).wait();
  const cid = channelId(w.address, w.address, prov);
  const go = async (n: bigint, b: bigint) => {
    const {r, vs} = signCompact(w, domainOf(80002, await ch.getAddress()), TYPES.voucher, {
      channelId: cid,
      epoch: 1,
      nonce: n,
      balance: b,
    });
    return (await (ch.connect(w) as any).redeem(w.address, ZeroAddress, prov, n, b, r, vs)).wait();
  };
  await go(1n, 10n ** 18n);
  const rec = await go(2n, 2n * 10n ** 18n);
  const t = await chain.provider.send('debug_traceTransaction', [
    rec.hash,
    {disableStorage: true, disableMemory: true},
  ]);
  const by: Record<string, number> = {};
  const L = t.structLogs;
  for (let i = 0; i < L.length; i++) {
    const s = L[i];
    const next = L[i + 1];
    const cost = next && next.depth === s.depth ? s.gas - next.gas : s.gasCost;
    const k = `${s.depth} ${s.op}`;
    by[k] = (by[k] ?? 0) + Number(cost);
  }
  console.log(
    rec.gasUsed,
    L.length,
    Object.entries(by)
      .sort((a, b) => b[1] - a[1])
      .slice(0, 40),
  );
  const perDepth: Record<string, number> = {};
  for (const [k, v] of Object.entries(by)) perDepth[k.split(' ')[0]!] = (perDepth[k.split(' ')[0]!] ?? 0) + v;
  console.log(perDepth, 'steps');
  if (process.env.FULL) for (const s of L) console.log(s.depth, s.pc, s.op, s.gasCost);
});
