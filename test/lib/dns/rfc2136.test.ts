// Zones on a real BIND: its signatures and clocks, its prerequisites, its transfers of many messages.
import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {createServer, type AddressInfo} from 'node:net';
import {once} from 'node:events';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import type {RecordSet} from '../../../src/lib/dns/model/record-set.ts';
import {applyPlan, makePlan, type ZoneRequest} from '../../../src/lib/dns/plan/apply.ts';
import {Rfc2136Provider} from '../../../src/lib/dns/providers/rfc2136.ts';
import {readTsigKey} from '../../../src/lib/dns/providers/tsig-key.ts';
import {bindIsThere, startBind, type Bind} from '../../support/dns/bind.ts';
import {recordsOf} from '../../support/dns/states.ts';
import {network, plainPorts} from '../../support/dns/topologies.ts';

const ZONE = 'quiver.test';
const signal = AbortSignal.timeout(120_000);
const START = `$ORIGIN ${ZONE}.\n@ 3600 IN SOA ns1 hostmaster 7 7200 3600 1209600 300\n@ 3600 IN NS ns1\nns1 300 IN A 9.9.9.9\nUpper.Case 60 IN TXT "\\255" "b"\n`;

const here = bindIsThere() ? describe : describe.skip;

here('a zone on BIND', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quiver-rfc2136-'));
  let bind: Bind;
  let provider: Rfc2136Provider;

  beforeAll(async () => {
    bind = await startBind(ZONE, START);
    provider = new Rfc2136Provider(bind, bind.key);
  });
  afterAll(async () => {
    await bind.stop();
    rmSync(folder, {recursive: true});
  });

  const request = (records: readonly RecordSet[]): ZoneRequest => ({
    provider,
    zone: ZONE,
    records,
    adopt: false,
    signal,
  });
  const apply = async (records: readonly RecordSet[], checksum?: string) =>
    applyPlan({
      ...request(records),
      checksum: checksum ?? (await makePlan(request(records))).checksum,
      allowDeletions: 100_000,
      journal: join(folder, 'journal'),
      onProgress: () => {},
    });

  /** Somebody else's client. */
  function nsupdate(...lines: string[]): void {
    const {name, secret, algorithm} = bind.key;
    const input = [`server ${bind.host} ${bind.port}`, `zone ${ZONE}`, ...lines, 'send', ''].join('\n');
    const {status, stderr} = spawnSync('nsupdate', ['-y', `${algorithm}:${name}:${secret.toString('base64')}`], {
      input,
      encoding: 'utf8',
    });
    expect({status, stderr}).toEqual({status: 0, stderr: ''});
  }

  it('refuses a clock that is wrong by more than five minutes, on either side', async () => {
    for (const seconds of [-3_600, 3_600]) {
      const wrong = new Rfc2136Provider(bind, bind.key, () => new Date(Date.now() + seconds * 1_000));
      await expect(wrong.read(ZONE, signal)).rejects.toMatchObject({
        exit: 4,
        message: expect.stringContaining('BADTIME'),
        fix: expect.stringContaining('clocks'),
      });
    }
    const nearly = new Rfc2136Provider(bind, bind.key, () => new Date(Date.now() + 200_000));
    await expect(nearly.read(ZONE, signal)).resolves.not.toEqual([]);
  });

  it('refuses a change when somebody else was there between the look and the change', async () => {
    const records = recordsOf(network({layout: 'single', zone: ZONE}));
    await apply(records);
    const moved = records.map((set) =>
      set.name === `stun.${ZONE}` && set.type === 'A' ? {...set, values: ['9.3.3.3']} : set,
    );
    const before = records.find((set) => set.name === `stun.${ZONE}` && set.type === 'A')!;
    const change = {before, after: {...before, values: ['9.3.3.3']}};
    const added = {after: {...before, name: `fresh.${ZONE}`}};

    nsupdate(`update add stun.${ZONE} 300 A 9.4.4.4`);
    await expect(provider.apply(ZONE, [change], signal)).rejects.toMatchObject({code: 'DNS_CHANGED', exit: 4});
    nsupdate(`update delete stun.${ZONE} A 9.4.4.4`, `update add fresh.${ZONE} 300 A 9.4.4.4`);
    await expect(provider.apply(ZONE, [added, change], signal)).rejects.toMatchObject({code: 'DNS_CHANGED'});
    // Nothing of a refused update was carried out.
    const {checksum} = await makePlan(request(moved));
    nsupdate(`update add stun.${ZONE} 300 A 9.4.4.4`);
    await expect(apply(moved, checksum)).rejects.toMatchObject({code: 'DNS_CHANGED'});
    nsupdate(`update delete stun.${ZONE} A 9.4.4.4`, `update delete fresh.${ZONE} A`);
    await apply(moved, checksum);
  });

  it('holds 1,000 nodes, which come in many messages, and change in many updates', async () => {
    const big = {...network({nodes: 500, zone: ZONE})};
    await apply(recordsOf(big));
    const read = await provider.read(ZONE, signal);
    expect(read.length).toBeGreaterThan(3_000);
    expect(await makePlan(request(recordsOf(big)))).toMatchObject({checksum: ''});
    // Every list of addresses changes.
    const otherPorts = plainPorts(5_001, 3478);
    await apply(recordsOf({...big, ports: otherPorts}));
    expect(await makePlan(request(recordsOf({...big, ports: otherPorts})))).toMatchObject({
      checksum: '',
    });
  });

  it('gives names in upper case and bytes that are no text as they are', async () => {
    const set = (await provider.read(ZONE, signal)).find(({name}) => name === `upper.case.${ZONE}`);
    expect(set?.values).toEqual([String.raw`"\255" "b"`]);
    await provider.apply(ZONE, [{before: set!, after: {...set!, values: [String.raw`"\254"`]}}], signal);
    const after = (await provider.read(ZONE, signal)).find(({name}) => name === `upper.case.${ZONE}`);
    expect(after?.values).toEqual([String.raw`"\254"`]);
  });

  it('does not answer for a zone that is not its own', async () => {
    await expect(provider.read('other.test', signal)).rejects.toMatchObject({code: 'DNS_REFUSED', exit: 4});
  });
});

here('a signed zone on a BIND at an IPv6 address', () => {
  it('is planned and changed beside its signatures', async () => {
    const bind = await startBind(ZONE, START, {settings: 'dnssec-policy default;', ipv6: true});
    const folder = mkdtempSync(join(tmpdir(), 'quiver-signed-'));
    try {
      const provider = new Rfc2136Provider(bind, bind.key);
      for (const layout of ['single', 'distributed'] as const) {
        const wanted = {provider, zone: ZONE, records: recordsOf(network({layout, zone: ZONE})), adopt: false, signal};
        const {checksum} = await makePlan(wanted);
        await applyPlan({...wanted, checksum, journal: join(folder, 'journal'), onProgress: () => {}});
        expect(await makePlan(wanted)).toMatchObject({checksum: '', conflicts: []});
      }
      const types = new Set((await provider.read(ZONE, signal)).map(({type}) => type));
      expect([...types]).toEqual(expect.arrayContaining(['RRSIG', 'NSEC', 'DNSKEY']));
    } finally {
      await bind.stop();
      rmSync(folder, {recursive: true});
    }
  });
});

describe('a server that is none', () => {
  async function answering(bytes: Buffer): Promise<{provider: Rfc2136Provider; close: () => void}> {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', (request) => {
        const answer = Buffer.from(bytes);
        if (answer.length > 3 && answer.readUInt16BE(2) === 0) request.copy(answer, 2, 2, 4);
        socket.end(answer);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const {port} = server.address() as AddressInfo;
    const key = {name: 'key', algorithm: 'hmac-sha256' as const, secret: Buffer.alloc(32, 1)};
    return {provider: new Rfc2136Provider({host: '127.0.0.1', port}, key), close: () => server.close()};
  }

  it.each([
    ['closes', Buffer.alloc(0), /closed the connection/],
    [
      'answers another request',
      Buffer.from('000cffff84000000000000000000ff', 'hex').subarray(0, 14),
      /another request/,
    ],
    [
      'signs in the wrong place',
      Buffer.from('00190000840000000000000100000000fa00ff0000000000000000', 'hex'),
      /signature is not at its end/,
    ],
    ['speaks something else', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), /closed the connection/],
    ['does not sign', Buffer.from('000c00008400000000000000000000', 'hex').subarray(0, 14), /not signed/],
    ['sends half a message', Buffer.from('000400008400', 'hex'), /ends too early/],
  ])('%s', async (_, bytes, message) => {
    const {provider, close} = await answering(bytes);
    await expect(provider.read(ZONE, signal)).rejects.toMatchObject({exit: 4, message: expect.stringMatching(message)});
    close();
  });
});

describe('a TSIG key', () => {
  const secret = Buffer.alloc(32, 7).toString('base64');
  it.each([
    [`name:${secret}`, 'hmac-sha256'],
    [`hmac-sha512:Name.:${secret}\n`, 'hmac-sha512'],
    [`key "name" {\n\talgorithm hmac-sha384;\n\tsecret "${secret}";\n};\n`, 'hmac-sha384'],
  ])('is read from %j', (text, algorithm) => {
    expect(readTsigKey(text)).toEqual({name: 'name', algorithm, secret: Buffer.alloc(32, 7)});
  });

  it.each(['', 'name', `hmac-md5:name:${secret}`, `name:${secret}!`, `key "name" { secret "${secret}"; };`])(
    'is not %j, and the error does not repeat it',
    (text) => {
      try {
        readTsigKey(text);
        expect.unreachable();
      } catch (error) {
        expect(error).toMatchObject({code: 'DNS_TSIG_KEY', exit: 2});
        expect(`${String(error)}${JSON.stringify(error)}`).not.toContain(secret);
      }
    },
  );
});
