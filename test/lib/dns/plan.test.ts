import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {recordSet, setKey, type RecordSet} from '../../../src/lib/dns/model/record-set.ts';
import {applyPlan, makePlan} from '../../../src/lib/dns/plan/apply.ts';
import {planZone, type ZonePlan} from '../../../src/lib/dns/plan/plan.ts';
import {applyChanges} from '../../../src/lib/dns/providers/apply-changes.ts';
import type {DnsProvider} from '../../../src/lib/dns/providers/provider.ts';
import {ZoneFileProvider} from '../../../src/lib/dns/providers/zone-file.ts';
import {recordsOf} from '../../support/dns/states.ts';
import {network} from '../../support/dns/topologies.ts';

const ZONE = 'quiver.test';
const signal = AbortSignal.timeout(60_000);
const WANTED = recordsOf(network({layout: 'single', zone: ZONE})).map((set) => ({...set, proxied: false}));
const SOA = `$ORIGIN ${ZONE}.\n@ 3600 IN SOA ns1 hostmaster 7 7200 3600 1209600 300\n@ 3600 IN NS ns1\nns1 300 IN A 9.9.9.9\n`;

function plan(current: readonly RecordSet[], adopt = false, wanted: readonly RecordSet[] = WANTED): ZonePlan {
  return planZone({zone: ZONE, provider: 'memory', current, wanted, adopt});
}

const conflictsOf = ({conflicts}: ZonePlan): string[] => conflicts.map(({before}) => setKey(before!));

describe('a plan', () => {
  it('leaves a CNAME of the zone itself alone, which is how Cloudflare has it', () => {
    const site = recordSet(ZONE, 'CNAME', 1, ['site.pages.test.'], true);
    for (const adopt of [false, true]) {
      const {conflicts, changes, kept} = plan([site], adopt);
      expect(conflicts).toEqual([]);
      expect(changes.some(({before}) => before === site)).toBe(false);
      expect(kept).toEqual([site]);
    }
  });

  it('is not hindered by the signatures of a signed zone', () => {
    const signed = WANTED.flatMap(({name}) =>
      ['RRSIG', 'NSEC'].map((type) => recordSet(name, type, 300, [String.raw`\# 1 00`])),
    );
    expect(plan([...WANTED, ...signed])).toMatchObject({checksum: '', conflicts: [], changes: []});
  });

  it('takes over an alias, an address and a CAA, but never a type that quiver does not write', () => {
    const foreign = [
      recordSet(`gw.${ZONE}`, 'A', 300, ['9.1.1.1']),
      recordSet(`ws.${ZONE}`, 'TYPE999', 300, [String.raw`\# 1 00`]),
      recordSet(`wss.${ZONE}`, 'MX', 300, ['10 mail.test.']),
      recordSet(ZONE, 'CAA', 300, ['0 issue "other.test"']),
    ];
    expect(conflictsOf(plan(foreign))).toHaveLength(4);
    expect(new Set(conflictsOf(plan(foreign, true)))).toEqual(new Set([`ws.${ZONE} TYPE999`, `wss.${ZONE} MX`]));
  });

  it('leaves names of others below and beside ours alone', () => {
    const foreign = [
      recordSet(`*.${ZONE}`, 'A', 300, ['9.1.1.1']),
      recordSet(String.raw`a\046b.${ZONE}`, 'TXT', 300, ['"x"']),
      recordSet(`_acme-challenge.gateway.${ZONE}`, 'TXT', 60, ['"token"']),
      recordSet(`gateway.${ZONE}`, 'TYPE65534', 60, [String.raw`\# 1 00`]),
      recordSet(`gateway.${ZONE}`, 'MX', 60, ['10 mail.test.']),
      recordSet(`relay77.${ZONE}`, 'A', 60, ['9.1.1.1']),
      recordSet(`deep.relay1.${ZONE}`, 'A', 60, ['9.1.1.1']),
    ];
    const {changes, conflicts, kept} = plan(foreign, true);
    expect(conflicts).toEqual([]);
    expect(changes.every(({before}) => before === undefined)).toBe(true);
    expect(new Set(kept)).toEqual(new Set(foreign));
  });

  it('joins what two machines say is theirs, which began at once', () => {
    const marker = (own: string): string => `"v=quiver1 own=${own}"`;
    const both = recordSet(`_quiver.${ZONE}`, 'TXT', 3_600, [marker('gateway'), marker('stun')]);
    const {conflicts, changes} = plan([
      both,
      recordSet(`gateway.${ZONE}`, 'A', 300, ['9.1.1.1']),
      recordSet(`stun.${ZONE}`, 'A', 300, ['9.1.1.1']),
    ]);
    expect(conflicts).toEqual([]);
    expect(changes.filter(({before}) => before !== undefined)).toHaveLength(2);
  });

  it('has one checksum for one zone and goal, and another for anything else', () => {
    const {checksum} = plan([]);
    expect(plan([]).checksum).toBe(checksum);
    expect(plan(WANTED.slice(0, 1)).checksum).not.toBe(checksum);
    expect(plan([], false, WANTED.slice(1)).checksum).not.toBe(checksum);
  });

  it('removes the old set of a name right before its new one', () => {
    const {steps} = plan([
      ...WANTED.filter(({name}) => !name.startsWith('gw.')),
      recordSet(`gw.${ZONE}`, 'A', 300, ['9.1.1.1']),
    ]);
    const order = steps.flat().filter(({before, after}) => (after ?? before)!.name === `gw.${ZONE}`);
    expect(order.map(({after}) => after?.type)).toEqual([undefined, 'CNAME']);
  });
});

describe('a crash', () => {
  let folder: string;
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'quiver-plan-'))));
  afterAll(() => rm(folder, {recursive: true}));

  /** A zone in memory that dies after some steps. */
  class Memory implements DnsProvider {
    readonly name = 'memory';
    sets: RecordSet[] = [];
    lives = Infinity;
    prepare = (sets: readonly RecordSet[]): RecordSet[] => [...sets];
    read = (): Promise<RecordSet[]> => Promise.resolve(this.sets);
    apply = (_: string, changes: Parameters<DnsProvider['apply']>[1]): Promise<void> => {
      this.lives -= 1;
      if (this.lives < 0) return Promise.reject(new Error('killed'));
      this.sets = applyChanges(this.sets, changes);
      return Promise.resolve();
    };
  }

  const request = (provider: DnsProvider, records: readonly RecordSet[]) => ({
    provider,
    zone: ZONE,
    records,
    adopt: false,
    signal,
    journal: join(folder, 'journal'),
    onProgress: () => {},
  });

  it('is not gone on from with other settings than were agreed to', async () => {
    const memory = new Memory();
    const {checksum} = await makePlan(request(memory, WANTED));
    memory.lives = 1;
    await expect(applyPlan({...request(memory, WANTED), checksum})).rejects.toThrow('killed');
    memory.lives = Infinity;
    const others = WANTED.map((set) => (set.name === `stun.${ZONE}` ? {...set, values: ['9.66.66.66']} : set));
    for (const changed of [others, WANTED.filter(({type}) => type !== 'CAA'), []]) {
      await expect(applyPlan({...request(memory, changed), checksum})).rejects.toMatchObject({code: 'DNS_CHANGED'});
    }
    await applyPlan({...request(memory, WANTED), checksum});
    expect(await makePlan(request(memory, WANTED))).toMatchObject({checksum: ''});
  });

  it('behind the last change, before it was looked at, is gone on from', async () => {
    const memory = new Memory();
    const {checksum} = await makePlan(request(memory, WANTED));
    const read = memory.read;
    memory.read = () => (memory.sets.length < WANTED.length ? read() : fails());
    const fails = (): Promise<RecordSet[]> => Promise.reject(new Error('unreachable'));
    await expect(applyPlan({...request(memory, WANTED), checksum})).rejects.toThrow('unreachable');
    memory.read = read;
    expect(await makePlan(request(memory, WANTED))).toMatchObject({checksum: ''});
    await applyPlan({...request(memory, WANTED), checksum});
  });

  it('leaves a journal that is broken or of another plan, which nobody goes on from', async () => {
    const memory = new Memory();
    for (const journal of ['', '{', '[]', '{"checksum":"abc","changes":[]}', '{"checksum":1,"changes":{}}']) {
      await writeFile(join(folder, 'journal'), journal);
      await expect(applyPlan({...request(memory, WANTED), checksum: '0123456789ab'})).rejects.toMatchObject({
        code: 'DNS_CHANGED',
      });
    }
    expect(memory.sets).toEqual([]);
  });
});

describe('a zone file', () => {
  let file: string;
  beforeAll(async () => void (file = join(await mkdtemp(join(tmpdir(), 'quiver-file-')), 'zone')));

  const request = () => ({provider: new ZoneFileProvider(file), zone: ZONE, records: WANTED, adopt: false, signal});
  const apply = async (): Promise<ZonePlan> => {
    const {checksum} = await makePlan(request());
    return applyPlan({...request(), checksum, journal: `${file}.journal`, onProgress: () => {}});
  };

  it('of others is kept to the last byte of what it says', async () => {
    const others = [
      String.raw`binary 60 IN TXT "\255\000\"\\" plain`,
      'outside.test. 60 IN A 9.9.9.9',
      String.raw`x\.y 60 IN TXT v`,
      '*.wild 60 IN AFSDB 1 Host',
      'unknown 60 IN TYPE999 \\# 2 abcd',
      'host 60 IN SSHFP 1 1 aabbccdd',
      '$ORIGIN sub.quiver.test.',
      'www 60 IN RP admin txt',
      '',
    ].join('\n');
    await writeFile(file, `${SOA}${others}`);
    const before = await new ZoneFileProvider(file).read(ZONE);
    await apply();
    const after = await new ZoneFileProvider(file).read(ZONE);
    for (const set of before.filter(({type}) => type !== 'SOA')) expect(after).toContainEqual(set);
    const text = await readFile(file, 'utf8');
    for (const part of [String.raw`"\255\000\"\\" "plain"`, 'outside.test. ', 'admin.sub.quiver.test. txt.sub.']) {
      expect(text).toContain(part);
    }
  });

  it('has a serial that is one higher after an apply, and after one that was resumed', async () => {
    const serial = async (): Promise<number> => Number(/SOA\s+\S+ \S+ (\d+)/.exec(await readFile(file, 'utf8'))?.[1]);
    await writeFile(file, SOA.replace(' 7 ', ' 2100000000 '));
    await apply();
    expect(await serial()).toBe(2_100_000_001);
    // What a plan deletes, changes and adds comes in one step, too.
    const fewer = {...request(), records: recordsOf(network({layout: 'single', zone: ZONE, ipv6: false}))};
    const {checksum} = await makePlan(fewer);
    const options = {...fewer, checksum, allowDeletions: 100, journal: `${file}.journal`, onProgress: () => {}};
    const dying = new ZoneFileProvider(file);
    dying.apply = async (...args) => {
      await new ZoneFileProvider(file).apply(...args);
      throw new Error('killed');
    };
    await expect(applyPlan({...options, provider: dying})).rejects.toThrow('killed');
    expect(await serial()).toBe(2_100_000_002);
    await applyPlan(options);
    expect(await serial()).toBe(2_100_000_002);
    expect(await makePlan(fewer)).toMatchObject({checksum: ''});
    await rm(`${file}.journal`, {force: true});
    await writeFile(file, SOA);
    await apply();
  });

  it('is not touched when there is nothing to do', async () => {
    const before = await readFile(file, 'utf8');
    const {steps, checksum} = await makePlan(request());
    expect({steps, checksum}).toEqual({steps: [], checksum: ''});
    await apply();
    expect(await readFile(file, 'utf8')).toBe(before);
  });

  it('with a line that would be lost is not written', async () => {
    await writeFile(file, `${SOA}$INCLUDE other\n`);
    await expect(makePlan(request())).rejects.toMatchObject({
      code: 'DNS_ZONE_FILE',
      exit: 2,
      message: expect.stringContaining('line 5'),
    });
    await writeFile(file, `${SOA}open TXT (\n${'x'.repeat(1_000)}\n${'more\n'.repeat(1_000)}`);
    await expect(makePlan(request())).rejects.toMatchObject({fix: 'Mend it: open TXT ('});
    await expect(new ZoneFileProvider(`${file}.gone`).read(ZONE)).rejects.toMatchObject({code: 'DNS_ZONE_FILE'});
  });
});
