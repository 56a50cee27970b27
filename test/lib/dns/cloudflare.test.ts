import {once} from 'node:events';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';

import {describe, expect, it} from 'vitest';

import {recordSet, type RecordSet} from '../../../src/lib/dns/model/record-set.ts';
import {applyPlan, makePlan} from '../../../src/lib/dns/plan/apply.ts';
import {CloudflareProvider} from '../../../src/lib/dns/providers/cloudflare.ts';
import type {Change} from '../../../src/lib/dns/providers/provider.ts';
import {cloudflareContent, fromCloudflare} from '../../../src/lib/dns/write/cloudflare-record.ts';
import {failed, FakeCloudflare} from '../../support/dns/cloudflare.ts';
import {recordsOf, STATES} from '../../support/dns/states.ts';
import {network} from '../../support/dns/topologies.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const ZONE = 'quiver.test';
const signal = AbortSignal.timeout(120_000);

function at(records: Parameters<FakeCloudflare['add']>[0][] = []) {
  const fake = new FakeCloudflare(ZONE);
  for (const record of records) fake.add(record);
  const provider = new CloudflareProvider(fake.token, fake.fetch);
  return {
    fake,
    provider,
    read: () => provider.read(ZONE, signal),
    apply: (...changes: Change[]) => provider.apply(ZONE, changes, signal),
  };
}

const a = (values: readonly string[], proxied = false): RecordSet =>
  recordSet(`gateway.${ZONE}`, 'A', proxied ? 1 : 300, values, proxied);

describe('a record of Cloudflare', () => {
  it.each([...new Map(STATES.flatMap(([, state]) => recordsOf(state)).map((set) => [set.type, set])).values()])(
    'is written and read back: $type',
    ({type, values}) => {
      for (const value of values) expect(fromCloudflare({type, ...cloudflareContent(type, value)})).toBe(value);
    },
  );

  it.each([
    [{type: 'SRV', content: '0\t3478\tturn.quiver.test', priority: 5}, '5 0 3478 turn.quiver.test.'],
    [{type: 'SRV', content: '5 0 3478 turn.quiver.test.'}, '5 0 3478 turn.quiver.test.'],
    [{type: 'CAA', content: '0 issue "letsencrypt.org"'}, '0 issue "letsencrypt.org"'],
    [{type: 'HTTPS', content: '1 . alpn="h3,h2" ipv4hint="9.0.0.1"'}, '1 . alpn=h3,h2 ipv4hint=9.0.0.1'],
    [
      {type: 'NAPTR', content: '100 10 "s" "RELAY:turn.udp" "" _turn._udp.Quiver.test.'},
      '100 10 "s" "RELAY:turn.udp" "" _turn._udp.quiver.test.',
    ],
    [{type: 'SRV', data: {weight: 0, port: 1, target: '.'}, priority: 7}, '7 0 1 .'],
    [{type: 'TXT', content: 'v=spf1 "odd" -all'}, String.raw`"v=spf1 \"odd\" -all"`],
    [{type: 'TXT', content: '"one" "two"'}, '"onetwo"'],
    [{type: 'AAAA', content: '2600:0:0:0:0:0:0:1'}, '2600::1'],
    [{type: 'CNAME', content: 'App.Hosting.test'}, 'app.hosting.test.'],
    [{type: 'MX', content: 'mail.test', priority: 10}, '10 mail.test.'],
  ])('%j is %s', (record, value) => {
    expect(fromCloudflare(record)).toBe(value);
  });
});

describe('a zone at Cloudflare', () => {
  it('of thousands of records is read whole', async () => {
    const {fake, read} = at();
    for (let index = 0; index < 3_210; index += 1) {
      fake.add({name: `host${index}.${ZONE}`, type: 'A', content: '9.9.9.9'});
    }
    expect(await read()).toHaveLength(3_210);
  });

  it('shows a set of which only some are proxied as Cloudflare serves it, and takes the mark off them all', async () => {
    const {read, apply, fake} = at([
      {name: `gateway.${ZONE}`, type: 'A', content: '9.0.0.1', proxied: true, ttl: 1},
      {name: `gateway.${ZONE}`, type: 'A', content: '9.0.0.2', proxied: false},
    ]);
    const [before] = await read();
    expect(before).toEqual(a(['9.0.0.1', '9.0.0.2'], true));
    const after = a(['9.0.0.1', '9.0.0.2']);
    await apply({before: before!, after});
    expect(fake.records.map(({proxied, ttl}) => [proxied, ttl])).toEqual([
      [false, 300],
      [false, 300],
    ]);
    expect(await read()).toEqual([after]);
  });

  it('keeps the record, and so the comment on it, when its value changes', async () => {
    const {fake, read, apply} = at([{name: `gateway.${ZONE}`, type: 'A', content: '9.0.0.1'}]);
    const [{id} = {id: ''}] = fake.records;
    const [before] = await read();
    await apply({before: before!, after: a(['9.0.0.2', '9.0.0.3'])});
    expect(fake.records.find((record) => record.id === id)).toMatchObject({content: '9.0.0.2'});
    expect(fake.records).toHaveLength(2);
  });

  it('takes a name with more records than a batch has, in several', async () => {
    const {fake, read, apply} = at();
    const many = Array.from({length: 450}, (_, index) => `9.1.${index >> 8}.${index & 255}`);
    await apply({after: a(many)});
    await apply({before: a(many), after: a(many.slice(0, 3))});
    expect(await read()).toEqual([a(many.slice(0, 3))]);
    expect(fake.requests.filter((line) => line.endsWith('/batch'))).toHaveLength(3 + 3);
  });

  it('replaces an alias by addresses in one batch, so that the name is never gone', async () => {
    const {fake, apply} = at();
    const names = Array.from({length: 120}, (_, index) => `n${index}.${ZONE}`);
    const aliases = names.map((name) => recordSet(name, 'CNAME', 300, ['app.test.']));
    await apply(...aliases.map((after) => ({after})));
    const half = fake.requests.length;
    const addresses = names.map((name) => recordSet(name, 'A', 300, ['9.0.0.1']));
    fake.onBatch = () => {
      const there = new Set(fake.records.map(({name}) => name));
      expect(there.size).toBe(names.length);
    };
    await apply(...aliases.flatMap((before, index) => [{before}, {after: addresses[index]!}]));
    expect(fake.requests.slice(half).filter((line) => line.endsWith('/batch'))).toHaveLength(2);
  });

  it('whose answer got lost goes on where it was', async () => {
    const {fake, provider, read} = at();
    fake.failures = [() => failed(400, 81_058, 'An identical record already exists.')];
    await expect(provider.apply(ZONE, [{after: a(['9.0.0.1'])}], signal)).rejects.toMatchObject({
      code: 'DNS_PROVIDER',
      exit: 1,
      fix: expect.stringContaining('Run it again'),
    });
    expect(await read()).toEqual([]);
  });

  it('whose answer got lost behind a change goes on behind it', async () => {
    const {fake, read, apply} = at([{name: `gateway.${ZONE}`, type: 'A', content: '9.0.0.1'}]);
    fake.lostAnswers = 1;
    await apply({before: a(['9.0.0.1']), after: a(['9.0.0.2', '9.0.0.3'])});
    expect(await read()).toEqual([a(['9.0.0.2', '9.0.0.3'])]);
  });

  it('that can not be looked at behind a failed change is not taken for changed', async () => {
    const {fake} = at([{name: `gateway.${ZONE}`, type: 'A', content: '9.0.0.1'}]);
    const broken = (): Response => failed(400, 1_000, 'Broken');
    fake.failures = [broken];
    const provider = new CloudflareProvider(fake.token, async (input, init) =>
      fake.failures.length === 0 ? broken() : fake.fetch(input, init),
    );
    await expect(provider.apply(ZONE, [{before: a(['9.0.0.1'])}], signal)).rejects.toMatchObject({
      code: 'DNS_PROVIDER',
      message: expect.stringContaining('Broken'),
    });
    expect(fake.records).toHaveLength(1);
  });

  it('is looked at again before each batch', async () => {
    const {fake, apply} = at();
    const sets = Array.from({length: 450}, (_, index) => recordSet(`n${index}.${ZONE}`, 'A', 300, ['9.0.0.1']));
    let batches = 0;
    fake.onBatch = () => {
      batches += 1;
      if (batches === 1) fake.add({name: `n449.${ZONE}`, type: 'A', content: '9.6.6.6'});
    };
    await expect(apply(...sets.map((after) => ({after})))).rejects.toMatchObject({
      code: 'DNS_CHANGED',
      message: expect.stringContaining('n449.quiver.test A'),
    });
    expect(batches).toBe(2);
  });

  it('that somebody edits between the look and the batch is reported as not as planned', async () => {
    const {fake, provider} = at([{name: `mail.${ZONE}`, type: 'A', content: '9.9.9.8'}]);
    const records = recordsOf(network({layout: 'single', zone: ZONE}));
    const request = {provider, zone: ZONE, records, adopt: false, signal};
    const {checksum} = await makePlan(request);
    fake.beforeBatch = () => {
      // After the ownership record, and before what it is about.
      if (fake.records.length === 2) fake.add({name: `stun.${ZONE}`, type: 'A', content: '9.6.6.6'});
    };
    const journal = join(temporaryFolder(), 'journal');
    const applied = applyPlan({...request, checksum, journal, onProgress: () => {}});
    await expect(applied).rejects.toMatchObject({
      code: 'DNS_CHANGED',
      exit: 4,
      message: expect.stringMatching(/carried out, and yet .* not as planned: stun\.quiver\.test A/),
      fix: 'quiver dns plan',
    });
    fake.beforeBatch = () => {};
    const {checksum: next} = await makePlan(request);
    await applyPlan({...request, checksum: next, journal, onProgress: () => {}});
    expect(await makePlan(request)).toMatchObject({checksum: ''});
  });

  it('that wants us to wait for long is not waited for, and a shorter wait ends with the signal', async () => {
    const {fake, provider, apply} = at();
    const wait = (seconds: number) => () => {
      const response = failed(429, 10_429, 'Rate limited');
      response.headers.set('retry-after', String(seconds));
      return response;
    };
    const start = performance.now();
    fake.failures = [wait(86_400), wait(86_400)];
    await expect(apply({after: a(['9.0.0.1'])})).rejects.toMatchObject({code: 'DNS_RATE', exit: 1});
    expect(fake.failures).toHaveLength(1);
    fake.failures = [wait(50)];
    const stopped = provider.apply(ZONE, [{after: a(['9.0.0.1'])}], AbortSignal.timeout(200));
    await expect(stopped).rejects.toMatchObject({name: 'TimeoutError'});
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  it.each([
    ['<html>Log in</html>', 'text/html'],
    ['<html>', 'application/json'],
    ...['null', '{}', '[]', '"x"', '{"result":null}', '{"result":{}}', '{"result":[null]}', '{"result":[{}]}'].map(
      (text) => [text, 'application/json'],
    ),
    // A zone, and then something as its records.
    ...['[{}]', '[null]', '[{"id":"a","name":1,"type":"A","ttl":1}]'].map((text) => [text, 'zone']),
  ])('is not read from %s (%s)', async (text = '', kind = '') => {
    const provider = new CloudflareProvider('t', (input) => {
      const isZone = kind === 'zone' && new URL(String(input)).pathname.endsWith('/zones');
      const body = kind !== 'zone' ? text : isZone ? '{"result":[{"id":"z"}]}' : `{"result":${text}}`;
      return Promise.resolve(
        new Response(body, {headers: {'content-type': kind === 'zone' ? 'application/json' : kind}}),
      );
    });
    const error: unknown = await provider.read(ZONE, signal).catch((each: unknown) => each);
    expect(error).toMatchObject({
      code: expect.stringMatching(/^DNS_(?:PROVIDER|UNREACHABLE|NO_ZONE)$/),
      fix: expect.stringMatching(/^./),
    });
  });

  it('whose answer has no end is given up', async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, {'content-type': 'application/json'});
      response.write('{"result":[');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const {port} = server.address() as AddressInfo;
    const provider = new CloudflareProvider('t', (_, init) => fetch(`http://127.0.0.1:${port}`, init), 200);
    await expect(provider.read(ZONE, signal)).rejects.toMatchObject({code: 'DNS_UNREACHABLE'});
    server.closeAllConnections();
    server.close();
  });

  it('that is full says so, and does not blame the token', async () => {
    const {fake, apply} = at();
    fake.failures = [() => failed(400, 81_045, 'Record quota exceeded.')];
    await expect(apply({after: a(['9.0.0.1'])})).rejects.toMatchObject({code: 'DNS_QUOTA', exit: 4});
    fake.failures = [() => failed(400, 6_003, 'Invalid request headers')];
    await expect(apply({after: a(['9.0.0.1'])})).rejects.toMatchObject({code: 'DNS_REFUSED', exit: 4});
  });

  it('is the active one of several accounts', async () => {
    const {fake, read} = at([{name: `gateway.${ZONE}`, type: 'A', content: '9.0.0.1'}]);
    fake.pendingFirst = true;
    expect(await read()).toHaveLength(1);
  });

  it('has no HTTPS records of proxied names, and automatic TTLs there', () => {
    const {provider} = at();
    const sets = provider.prepare(recordsOf(network({zone: ZONE})));
    expect(sets.filter(({type}) => type === 'HTTPS')).toEqual([]);
    expect(new Set(sets.filter(({proxied}) => proxied).map(({ttlSeconds}) => ttlSeconds))).toEqual(new Set([1]));
  });
});
