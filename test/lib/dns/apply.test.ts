import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {setKey, type RecordSet} from '../../../src/lib/dns/model/record-set.ts';
import {applyPlan, makePlan, type ApplyOptions} from '../../../src/lib/dns/plan/apply.ts';
import type {ZonePlan} from '../../../src/lib/dns/plan/plan.ts';
import {CloudflareProvider} from '../../../src/lib/dns/providers/cloudflare.ts';
import type {DnsProvider} from '../../../src/lib/dns/providers/provider.ts';
import {Rfc2136Provider} from '../../../src/lib/dns/providers/rfc2136.ts';
import {ZoneFileProvider} from '../../../src/lib/dns/providers/zone-file.ts';
import {bindIsThere, dig, startBind, type Bind} from '../../support/dns/bind.ts';
import {failed, FakeCloudflare, rateLimited} from '../../support/dns/cloudflare.ts';
import {recordsOf, STATES} from '../../support/dns/states.ts';

const ZONE = 'quiver.test';
const SIGNAL = AbortSignal.timeout(300_000);

/** A zone with things of others in it. */
const START = [
  '$ORIGIN quiver.test.',
  '@ 3600 IN SOA ns1 hostmaster 2026010100 7200 3600 1209600 300',
  '@ 3600 IN NS ns1',
  'ns1 300 IN A 9.9.9.9',
  '@ 300 IN MX 10 mail',
  'mail 300 IN A 9.9.9.8',
  '_acme-challenge.gateway 60 IN TXT "token"',
  'relay77 300 IN A 9.9.9.7',
  '@ 300 IN TXT "v=spf1 -all"',
  '',
].join('\n');
const APEX = ['ns1.quiver.test A', 'quiver.test SOA', 'quiver.test NS'];
const OTHERS = [
  'mail.quiver.test A',
  'quiver.test MX',
  'quiver.test TXT',
  '_acme-challenge.gateway.quiver.test TXT',
  'relay77.quiver.test A',
];

let bind: Bind | undefined;
let folder: string;
const cloudflare = new FakeCloudflare(ZONE);
const [first, second] = [recordsOf(STATES[0]![1]), recordsOf(STATES[1]![1])];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quiver-dns-'));
  await writeFile(join(folder, 'zone'), START);
  if (bindIsThere()) bind = await startBind(ZONE, START);
  cloudflare.add({name: 'mail.quiver.test', type: 'A', content: '9.9.9.8'});
  cloudflare.add({name: 'quiver.test', type: 'MX', content: 'mail.quiver.test', priority: 10});
  cloudflare.add({name: 'quiver.test', type: 'TXT', content: '"v=spf1 -all"'});
  cloudflare.add({name: '_acme-challenge.gateway.quiver.test', type: 'TXT', content: 'token', ttl: 60});
  cloudflare.add({name: 'relay77.quiver.test', type: 'A', content: '9.9.9.7'});
});
afterAll(async () => {
  await bind?.stop();
  await rm(folder, {recursive: true});
});

function theBind(): Bind {
  if (bind === undefined) throw new Error('BIND (Debian: bind9) is needed');
  return bind;
}

const providers: readonly [string, readonly string[], () => DnsProvider][] = [
  ['a zone file', APEX, () => new ZoneFileProvider(join(folder, 'zone'))],
  ['Cloudflare', [], () => new CloudflareProvider(cloudflare.token, cloudflare.fetch)],
  ['BIND by RFC 2136', APEX, () => new Rfc2136Provider(theBind(), theBind().key)],
];

function request(provider: DnsProvider, records: readonly RecordSet[]) {
  return {provider, zone: ZONE, records, adopt: false, signal: SIGNAL};
}

async function apply(
  provider: DnsProvider,
  records: readonly RecordSet[],
  options: Partial<ApplyOptions> = {},
): Promise<ZonePlan> {
  const {checksum} = await makePlan({...request(provider, records), ...options});
  const journal = join(folder, 'journal.json');
  return applyPlan({...request(provider, records), checksum, journal, onProgress: () => {}, ...options});
}

async function keysOf(provider: DnsProvider): Promise<Map<string, RecordSet>> {
  return new Map((await provider.read(ZONE, SIGNAL)).map((set) => [setKey(set), set]));
}

describe.each(providers)('a zone in %s', (name, apex, open) => {
  const here = name.startsWith('BIND') && !bindIsThere() ? it.skip : it;

  describe('moves from state to state', () => {
    for (const [state, input] of STATES) {
      here(state, async () => {
        const records = recordsOf(input);
        const provider = open();
        const plan = await makePlan(request(provider, records));
        expect(plan.checksum).toMatch(/^[0-9a-f]{12}$/);
        expect((await makePlan(request(provider, records))).checksum).toBe(plan.checksum);
        await apply(provider, records, {allowDeletions: 1_000});
        const now = await keysOf(provider);
        const wanted = provider.prepare(records);
        for (const set of wanted) expect(now.get(setKey(set)), setKey(set)).toEqual(set);
        expect(new Set(now.keys())).toEqual(new Set([...wanted.map(setKey), ...OTHERS, ...apex]));
        expect(await makePlan(request(provider, records))).toMatchObject({checksum: '', changes: [], conflicts: []});
      });
    }
  });

  here('is not changed by a plan', async () => {
    const before = await keysOf(open());
    await makePlan(request(open(), second));
    expect(await keysOf(open())).toEqual(before);
  });

  here('is left alone when it changed since the plan', async () => {
    const {checksum} = await makePlan(request(open(), second));
    const gone = first.filter((set) => set.name !== 'stun.quiver.test');
    await apply(open(), gone, {allowDeletions: 100});
    await expect(apply(open(), second, {checksum})).rejects.toMatchObject({code: 'DNS_CHANGED', exit: 4});
    await apply(open(), first);
  });

  here('loses many records only when told so', async () => {
    await apply(open(), second, {allowDeletions: 1_000});
    await expect(apply(open(), first)).rejects.toMatchObject({
      code: 'DNS_DELETIONS',
      exit: 4,
      fix: expect.stringMatching(/--allow-deletions \d+/),
    });
    await apply(open(), first, {allowDeletions: 1_000});
  });

  here('goes on after a crash at each step, with the checksum that was agreed to', async () => {
    for (const [from, to] of [
      [first, second],
      [second, first],
    ] as const) {
      await apply(open(), from, {allowDeletions: 1_000});
      const {checksum, steps} = await makePlan(request(open(), to));
      for (const crashAt of steps.keys()) {
        const dying = open();
        let step = 0;
        const crashing: DnsProvider = {
          ...bound(dying),
          apply: async (zone, changes, signal) => {
            // Half of a step is carried out: what a kill in between leaves.
            const part = step === crashAt ? changes.slice(0, Math.ceil(changes.length / 2)) : changes;
            await dying.apply(zone, part, signal);
            if (step === crashAt) throw new Error('killed');
            step += 1;
          },
        };
        await expect(apply(crashing, to, {checksum, allowDeletions: 1_000})).rejects.toThrow('killed');
        await apply(open(), to, {checksum, allowDeletions: 1_000});
        expect(await makePlan(request(open(), to))).toMatchObject({checksum: ''});
        await apply(open(), from, {allowDeletions: 1_000});
      }
    }
    await apply(open(), first, {allowDeletions: 1_000});
  });

  here('does not go on after a crash when somebody else was there', async () => {
    const {checksum} = await makePlan(request(open(), second));
    const dying = open();
    const crashing: DnsProvider = {...bound(dying), apply: () => Promise.reject(new Error('killed'))};
    await expect(apply(crashing, second, {checksum})).rejects.toThrow('killed');
    const other = first.map((set) => (set.name === 'turn.quiver.test' ? {...set, values: ['9.8.7.6']} : set));
    await dying.apply(ZONE, diffOf(await keysOf(dying), other), SIGNAL);
    await expect(apply(open(), second, {checksum})).rejects.toMatchObject({code: 'DNS_CHANGED'});
    await apply(open(), first, {allowDeletions: 100});
  });
});

describe('a set at one of our names that is not ours', () => {
  it('is a conflict, kept until --adopt', async () => {
    const file = join(folder, 'foreign');
    await writeFile(file, `${START}gw 300 IN A 9.1.1.1\n@ 300 IN CAA 0 issue "other.test"\n`);
    const provider = new ZoneFileProvider(file);
    const plan = await makePlan(request(provider, first));
    const names = plan.conflicts.map(({before}) => before && setKey(before));
    expect(new Set(names)).toEqual(new Set(['gw.quiver.test A', 'quiver.test CAA']));
    await expect(apply(provider, first)).rejects.toMatchObject({code: 'DNS_CONFLICT', exit: 4});
    expect(await readFile(file, 'utf8')).toContain('9.1.1.1');
    await apply(provider, first, {adopt: true});
    expect(await makePlan(request(provider, first))).toMatchObject({checksum: ''});
  });

  it('is the ownership record of a newer version', async () => {
    const file = join(folder, 'newer');
    await writeFile(file, `${START}_quiver 300 IN TXT "v=quiver9 own=all"\n`);
    await expect(apply(new ZoneFileProvider(file), first)).rejects.toMatchObject({code: 'DNS_CONFLICT'});
  });
});

describe('Cloudflare', () => {
  const open = (token = cloudflare.token): DnsProvider => new CloudflareProvider(token, cloudflare.fetch);

  it('is asked again when it limits the rate or fails in between', async () => {
    cloudflare.failures = [rateLimited, rateLimited, () => failed(500, 1, 'Internal error')];
    await apply(open(), second, {allowDeletions: 100});
    expect(cloudflare.failures).toEqual([]);
    await apply(open(), first, {allowDeletions: 100});
  });

  it('gets at most 200 changes in one transaction', async () => {
    const before = cloudflare.requests.length;
    await apply(open(), recordsOf({...STATES[2]![1]}), {allowDeletions: 1_000});
    await apply(open(), first, {allowDeletions: 1_000});
    const batches = cloudflare.requests.slice(before).filter((line) => line.endsWith('/batch'));
    expect(batches.length).toBeGreaterThan(4);
  });

  it('refuses a wrong token with a word on the right one, which is in no error', async () => {
    const error: unknown = await apply(open('wrong-token-1234'), first).catch((each: unknown) => each);
    expect(error).toMatchObject({code: 'DNS_REFUSED', exit: 4, fix: expect.stringContaining('CLOUDFLARE_API_TOKEN')});
    expect(`${String(error)}${JSON.stringify(error)}`).not.toContain('wrong-token-1234');
  });

  it('has no such zone', async () => {
    await expect(open().read('other.test', SIGNAL)).rejects.toMatchObject({code: 'DNS_NO_ZONE'});
  });
});

describe('a server that takes dynamic updates', () => {
  const here = bindIsThere() ? it : it.skip;

  here('answers others with what was applied', async () => {
    const provider = new Rfc2136Provider(theBind(), theBind().key);
    await apply(provider, second, {allowDeletions: 1_000});
    expect(dig(theBind(), '_turn._udp.quiver.test', 'SRV')).toEqual(['0 0 3478 turn.quiver.test.']);
    expect(dig(theBind(), 'gateway.quiver.test', 'HTTPS')).toEqual(['1 . ipv4hint=9.0.0.1 ipv6hint=2600:0:1::1']);
    expect(dig(theBind(), 'quiver.test', 'NAPTR')).toHaveLength(3);
  });

  here('refuses a wrong key, a wrong name of a key and a wrong algorithm, and we say so', async () => {
    const {key} = theBind();
    for (const wrong of [{secret: Buffer.alloc(32)}, {name: 'other-key'}, {algorithm: 'hmac-sha512' as const}]) {
      const provider = new Rfc2136Provider(theBind(), {...key, ...wrong});
      const error: unknown = await provider.read(ZONE, SIGNAL).catch((each: unknown) => each);
      expect(error).toMatchObject({exit: 4, message: expect.stringMatching(/BADKEY|BADSIG|NOTAUTH/)});
      expect(JSON.stringify(error)).not.toContain(key.secret.toString('base64'));
    }
  });

  here('is not there', async () => {
    const provider = new Rfc2136Provider({host: '127.0.0.1', port: 1}, theBind().key);
    await expect(provider.read(ZONE, SIGNAL)).rejects.toMatchObject({code: 'DNS_UNREACHABLE'});
  });
});

function bound(provider: DnsProvider): DnsProvider {
  return {
    name: provider.name,
    prepare: (sets) => provider.prepare(sets),
    read: (zone, signal) => provider.read(zone, signal),
    apply: (zone, changes, signal) => provider.apply(zone, changes, signal),
  };
}

function diffOf(now: ReadonlyMap<string, RecordSet>, goal: readonly RecordSet[]) {
  return goal
    .filter((set) => set.name === 'turn.quiver.test' && set.type === 'A')
    .map((after) => ({before: now.get(setKey(after))!, after}));
}
