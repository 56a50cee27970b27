import {createSocket} from 'node:dgram';
import {once} from 'node:events';
import {createServer} from 'node:http';
import {createServer as createTcpServer, type AddressInfo, type Socket} from 'node:net';

import {describe, expect, it} from 'vitest';

import {bind as bindContact, health} from '../../../src/lib/dns/check/contacts.ts';
import {checkZone} from '../../../src/lib/dns/check/check-zone.ts';
import {checkRecords} from '../../../src/lib/dns/check/records.ts';
import {hasDrift, isBroken, statusOf, type Contact, type ZoneCheck} from '../../../src/lib/dns/check/report.ts';
import {ZoneResolver} from '../../../src/lib/dns/check/resolver.ts';
import {checkServices} from '../../../src/lib/dns/check/services.ts';
import {recordSet} from '../../../src/lib/dns/model/record-set.ts';
import {readTopology, type TopologyInput} from '../../../src/lib/dns/model/read-topology.ts';
import {exportZone} from '../../../src/lib/dns/write/export-zone.ts';
import {encodeData} from '../../../src/lib/dns/wire/rdata.ts';
import {Dialler} from '../../../src/lib/probe/dialler.ts';
import {resolveDnsaddr} from '../../../src/lib/p2p/dnsaddr.ts';
import {bindIsThere, startBind, type Bind} from '../../support/dns/bind.ts';
import {network, peerId, plainPorts} from '../../support/dns/topologies.ts';
import {addressOf, startNode} from '../../support/nodes.ts';

const ZONE = 'quiver.test';
const signal = AbortSignal.timeout(120_000);
const here = bindIsThere() ? it : it.skip;

/** A network on loopback whose only part that runs is a bootstrap on this port. */
function onLoopback(port: number, id: string): TopologyInput {
  return {
    ...network({layout: 'single', zone: ZONE}),
    hosts: ['127.0.0.1'],
    services: ['gateway', 'bootstrap', 'turn'],
    peerIds: [`bootstrap1=${id}`],
    proxied: [],
    https: [],
    nameServers: ['ns1=127.0.0.1'],
    ports: plainPorts(port, 1),
  };
}

async function serve(input: TopologyInput): Promise<Bind> {
  return startBind(ZONE, exportZone(readTopology(input), {format: 'bind', date: new Date()}));
}

describe('a check of a zone', () => {
  const check = (bind: Bind, input: TopologyInput): Promise<ZoneCheck> =>
    checkZone({topology: readTopology(input), resolver: `${bind.host}:${bind.port}`, timeoutMs: 1_500, signal});
  const statuses = ({services}: ZoneCheck): object =>
    Object.fromEntries(services.map((each) => [each.label, each.status]));

  here('dials what runs, and tells it from what was never started', async () => {
    const node = await startNode({roles: ['bootstrap']});
    const address = addressOf(node);
    const tcp = Number(/tcp\/(\d+)/.exec(address)?.[1]);
    const input = onLoopback(tcp, node.peerId.toString());
    const bind = await serve(input);
    try {
      const found = await check(bind, input);
      expect(statuses(found)).toEqual({gateway: 'not deployed', bootstrap1: 'up', turn: 'not deployed'});
      expect(found.records.every(({status}) => status === 'as wanted')).toBe(true);
      expect([isBroken(found), hasDrift(found)]).toEqual([false, false]);

      // A libp2p node of ours finds the same by the dnsaddr tree.
      const {Resolver} = await import('node:dns/promises');
      const resolver = new Resolver();
      resolver.setServers([`${bind.host}:${bind.port}`]);
      const addresses = await resolveDnsaddr(`bootstrap.${ZONE}`, signal, (name) => resolver.resolveTxt(name));
      expect(addresses.map(String)).toEqual([address]);

      // A transport that nobody listens on is not taken for one that answers.
      const quic = {...input, ports: {...input.ports, bootstrap: {tcp, quic: tcp, webSocket: 1}}};
      const half = await check(bind, quic);
      const contacts = half.services.find(({label}) => label === 'bootstrap1')?.contacts ?? [];
      expect(contacts.map(({target, result}) => [/quic|ws/.exec(target)?.[0] ?? 'tcp', result === 'ok'])).toEqual([
        ['tcp', true],
        ['quic', false],
        ['ws', false],
      ]);
      expect(statuses(half)).toMatchObject({bootstrap1: 'down'});

      // Somebody else's key at that address, and an address that differs from the zone.
      const other = onLoopback(tcp, peerId(7));
      const wrong = await check(bind, other);
      expect(statuses(wrong)).toMatchObject({bootstrap1: 'down'});
      expect(wrong.services.find(({label}) => label === 'bootstrap1')?.fix).toContain('Another peer answers there');
      expect(wrong.records.filter(({status}) => status === 'differs').map(({name}) => name)).toEqual([
        '_dnsaddr.bootstrap.quiver.test',
        '_dnsaddr.bootstrap1.quiver.test',
      ]);
      expect([isBroken(wrong), hasDrift(wrong)]).toEqual([true, true]);

      const more = {...input, services: [...input.services, 'relay']};
      const missing = await check(bind, more);
      expect(missing.records.filter(({status}) => status === 'missing').map(({name}) => name)).toContain(
        'relay1.quiver.test',
      );
    } finally {
      await bind.stop();
    }
  });

  here('is red when nothing answers at all, the resolver included', async () => {
    const input = onLoopback(1, peerId(1));
    const found = await checkZone({topology: readTopology(input), resolver: '127.0.0.1:1', signal});
    expect(found.records.every(({status}) => status === 'unknown')).toBe(true);
    expect(isBroken(found)).toBe(true);
  });
});

describe('a resolver', () => {
  const records = (values: string[]): Buffer[] => values.map((value) => encodeData('A', value));

  /** Answers every question for A, over the transports asked for. */
  async function resolverOver(
    transports: readonly ('udp' | 'tcp')[],
    answer: (query: Uint8Array) => Buffer | undefined,
  ) {
    const tcp = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', (data) => {
        const bytes = answer(data.subarray(2));
        if (bytes === undefined) socket.destroy();
        else socket.end(Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 255), bytes]));
      });
    }).listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    const {port} = tcp.address() as AddressInfo;
    const udp = createSocket('udp4');
    udp.on('message', (query, {port: from}) => {
      const bytes = transports.includes('udp') ? answer(query) : undefined;
      if (bytes !== undefined) udp.send(bytes, from, '127.0.0.1');
    });
    udp.bind(port, '127.0.0.1');
    await once(udp, 'listening');
    if (!transports.includes('tcp')) tcp.close();
    return {
      resolver: new ZoneResolver(`127.0.0.1:${port}`),
      close: () => {
        udp.close();
        if (transports.includes('tcp')) tcp.close();
      },
    };
  }

  /** The query as an answer with these addresses. */
  function answered(query: Uint8Array, values: string[], flags = 0x81_80): Buffer {
    const parts: Uint8Array[] = [query];
    for (const data of records(values)) {
      parts.push(Uint8Array.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]), data);
    }
    const bytes = Buffer.concat(parts);
    bytes.writeUInt16BE(flags, 2);
    bytes.writeUInt16BE(values.length, 6);
    return bytes;
  }

  it.each([[['udp']], [['tcp']], [['udp', 'tcp']]] as const)('is asked over what it has: %j', async (transports) => {
    const {resolver, close} = await resolverOver(transports, (query) => answered(query, ['9.9.9.9', '9.9.9.8']));
    expect(await resolver.resolve('quiver.test', 'A', signal)).toEqual(['9.9.9.8', '9.9.9.9']);
    expect(await resolver.resolve('quiver.test', 'AAAA', signal)).toEqual([]);
    close();
  });

  it('is asked again over TCP when its answer was cut, and answers of others are passed over', async () => {
    let count = 0;
    const {resolver, close} = await resolverOver(['udp', 'tcp'], (query) => {
      count += 1;
      return count === 1 ? answered(query, [], 0x83_80) : answered(query, ['9.9.9.9']);
    });
    expect(await resolver.resolve('quiver.test', 'A', signal)).toEqual(['9.9.9.9']);
    close();
    const liar = await resolverOver(['udp'], (query) => {
      const other = answered(query, ['6.6.6.6']);
      other.writeUInt8(other.readUInt8(14) ^ 1, 14);
      return other;
    });
    await expect(liar.resolver.resolve('quiver.test', 'A', signal)).rejects.toThrow(/ECONNREFUSED/);
    liar.close();
  });

  it('that answers another question over TCP is not believed', async () => {
    const {resolver, close} = await resolverOver(['tcp'], (query) => {
      const other = answered(query, ['6.6.6.6']);
      other.writeUInt8(other.readUInt8(0) ^ 1, 0);
      return other;
    });
    await expect(resolver.resolve('quiver.test', 'A', signal)).rejects.toThrow('another question');
    close();
  });

  it('that falls silent is not waited for again and again', async () => {
    let silent = false;
    const {resolver, close} = await resolverOver(['tcp'], (query) =>
      silent ? undefined : answered(query, ['9.9.9.9']),
    );
    expect(await resolver.resolve('quiver.test', 'A', signal)).toEqual(['9.9.9.9']);
    silent = true;
    let asked = 0;
    for (; asked < 200; asked += 1) {
      await expect(resolver.resolve('quiver.test', 'A', signal)).rejects.toThrow('closed the connection');
    }
    close();
    // Refused by now, if it were asked.
    await expect(resolver.resolve('quiver.test', 'A', signal)).rejects.toThrow('closed the connection');
  });

  it('that says no, sends nonsense or is not there is an error, and not asked for ever', async () => {
    const {resolver, close} = await resolverOver(['udp', 'tcp'], (query) => answered(query, [], 0x81_85));
    await expect(resolver.resolve('quiver.test', 'A', signal)).rejects.toThrow('REFUSED');
    close();
    const gone = new ZoneResolver('127.0.0.1:1');
    const start = performance.now();
    const all = await Promise.allSettled(Array.from({length: 20}, () => gone.resolve('quiver.test', 'A', signal)));
    expect(all.every(({status}) => status === 'rejected')).toBe(true);
    for (let index = 0; index < 1_000; index += 1) {
      await expect(gone.resolve('quiver.test', 'A', signal)).rejects.toThrow();
    }
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});

describe('a contact of somebody who means no good', () => {
  const NOBODY = new AbortController().signal;
  const resolver = new ZoneResolver('127.0.0.1:1');
  resolver.addresses = () => Promise.resolve(['127.0.0.1']);
  const context = {resolver, dialler: undefined as unknown as Dialler, timeoutMs: 500, deadline: NOBODY, signal};

  async function listening(onSocket: (socket: Socket) => void): Promise<{port: number; close: () => void}> {
    const sockets = new Set<Socket>();
    const server = createTcpServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      onSocket(socket);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const close = (): void => {
      for (const socket of sockets) socket.destroy();
      server.close();
    };
    return {port: (server.address() as AddressInfo).port, close};
  }

  /** A byte every 20 ms, for ever. */
  const drip =
    (text: string) =>
    (socket: Socket): void => {
      let at = 0;
      const timer = setInterval(() => socket.write(text[at++ % text.length] ?? ''), 20);
      socket.once('close', () => clearInterval(timer));
    };

  const answering =
    (head: string, next: (socket: Socket) => void = () => {}) =>
    (socket: Socket): void =>
      void socket.write(`HTTP/1.1 ${head}\r\n`, () => next(socket));
  const reset = (socket: Socket): void => void setTimeout(() => socket.resetAndDestroy(), 50);
  const repeat = (socket: Socket): void => void setInterval(() => answering('102 Wait\r\n')(socket), 5).unref();

  const strangers: [string, (socket: Socket) => void, Contact['result']][] = [
    ['says nothing', () => {}, 'silent'],
    ['sends a byte now and then', drip('HTTP/1.1 200 OK\r\nx: '), 'silent'],
    ['says to wait for ever', repeat, 'silent'],
    ['has a head without end', answering(`200 OK\r\nx: ${'y'.repeat(100_000)}`), 'failed'],
    ['leads elsewhere', answering('302 Go\r\nlocation: http://127.0.0.1/\r\n'), 'failed'],
    ['hangs up', (socket: Socket) => void socket.end(), 'failed'],
    ['resets behind the head', answering('200 OK\r\n', reset), 'ok'],
    ['has a body without end', answering('200 OK\r\n', drip('x')), 'ok'],
  ];

  it.each(strangers)('%s, and is a row in time', async (_, onSocket, result) => {
    const {port, close} = await listening(onSocket);
    const start = performance.now();
    const contacts = [await health(new URL(`http://registry.quiver.test:${port}/healthz`), context)];
    if (result === 'silent') {
      contacts.push(await health(new URL(`https://gateway.quiver.test:${port}/healthz`), context));
      for (const transport of ['tcp', 'tls'] as const) {
        contacts.push(await bindContact({scheme: 'stun', host: 'stun.quiver.test', port, transport}, context));
      }
      const silent = createSocket('udp4').bind(0, '127.0.0.1');
      await once(silent, 'listening');
      const target = {scheme: 'stun', host: 'stun.quiver.test', port: silent.address().port, transport: 'udp'} as const;
      contacts.push(await bindContact(target, context));
      silent.close();
    }
    close();
    // Deadlines, and a slow machine; nobody who drips or waits gets more.
    expect(performance.now() - start).toBeLessThan(contacts.length * context.timeoutMs + 3_000);
    const [first, ...others] = contacts;
    expect(first).toMatchObject({result});
    // What is no TLS and no STUN is told so.
    for (const other of others) {
      expect(other.detail).toMatch(
        /^(?!.*:error:)(?:no answer in|The STUN server|What listens on|write EPROTO TLS: \w).*$/,
      );
      expect(['silent', 'failed']).toContain(other.result);
    }
  });

  it('is not tried any more when the check as a whole took too long', async () => {
    const input = {...network({zone: ZONE, nodes: 300}), ports: plainPorts(1, 1)};
    const start = performance.now();
    const found = await checkZone({
      topology: readTopology(input),
      resolver: '127.0.0.1:1',
      timeoutMs: 500,
      maxCheckMs: 1,
      signal,
    });
    expect(performance.now() - start).toBeLessThan(15_000);
    expect(found.services.filter(({status}) => status === 'down').length).toBeGreaterThan(500);
    expect(found.records.at(-1)).toMatchObject({status: 'unknown', detail: 'the check took too long'});
    expect(isBroken(found)).toBe(true);
  });

  it('may be hundreds at a time that accept and are silent', async () => {
    const {port, close} = await listening(() => {});
    const nodes = 600;
    const input = {
      ...network({zone: ZONE}),
      services: ['bootstrap'],
      hosts: Array.from({length: nodes}, (_, index) => `bootstrap${index + 1}=127.0.0.1`),
      peerIds: Array.from({length: nodes}, (_, index) => `bootstrap${index + 1}=${peerId(index)}`),
      regions: [],
      proxied: [],
      https: [],
      ports: plainPorts(port, 1),
    };
    const topology = readTopology(input);
    const start = performance.now();
    const dialler = await Dialler.open();
    const services = await checkServices(topology, {...context, dialler}, () => {});
    await dialler.close();
    close();
    expect(services).toHaveLength(nodes);
    expect(services.every(({contacts: [contact]}) => contact?.result === 'silent')).toBe(true);
    // Three rounds of 256.
    expect(performance.now() - start).toBeLessThan(15_000);
  }, 30_000);
});

describe('names behind a proxy and aliases that were followed', () => {
  const sets = [
    recordSet('gateway.quiver.test', 'A', 300, ['9.0.0.1'], true),
    recordSet('gw.quiver.test', 'CNAME', 300, ['gateway.quiver.test.'], true),
    recordSet('gateway.quiver.test', 'HTTPS', 300, ['1 . ipv4hint=9.0.0.1']),
    recordSet('ws.quiver.test', 'CNAME', 300, ['signal.quiver.test.']),
    recordSet('signal.quiver.test', 'A', 300, ['9.0.0.2']),
  ];
  /** What a server says, by name and type. */
  const asked = (answers: Readonly<Record<string, string[]>>): ZoneResolver => {
    const known = new Map(Object.entries(answers));
    const resolver = new ZoneResolver('127.0.0.1:1');
    resolver.resolve = (name, type) => Promise.resolve(known.get(`${name} ${type}`) ?? []);
    return resolver;
  };
  const statuses = async (answers: Readonly<Record<string, string[]>>): Promise<string[]> =>
    (await checkRecords(sets, asked(answers), {signal, deadline: signal})).map(({status}) => status);

  it('are as wanted where Cloudflare answers for them', async () => {
    const proxy = ['104.16.1.1', '172.67.1.1'];
    expect(
      await statuses({
        'gateway.quiver.test A': proxy,
        'gateway.quiver.test AAAA': ['2606:4700::1'],
        'gw.quiver.test A': proxy,
        'gateway.quiver.test HTTPS': ['1 . alpn=h3,h2'],
        'ws.quiver.test A': ['9.0.0.2'],
        'signal.quiver.test A': ['9.0.0.2'],
      }),
    ).toEqual(Array.from(sets, () => 'as wanted'));
  });

  it('differ where somebody else does', async () => {
    expect(
      await statuses({
        'gateway.quiver.test A': ['9.6.6.6'],
        'gw.quiver.test A': ['104.16.1.1', '9.6.6.6'],
        'gw.quiver.test CNAME': ['other.test.'],
        'ws.quiver.test A': ['9.6.6.6'],
        'signal.quiver.test A': ['9.0.0.2'],
      }),
    ).toEqual(['differs', 'differs', 'missing', 'missing', 'as wanted']);
  });
});

describe('a list of peers in DNS', () => {
  const lists = new Map([
    [
      '_dnsaddr.a',
      [`dnsaddr=/dnsaddr/b/p2p/${peerId(1)}`, `dnsaddr=/dnsaddr/gone/p2p/${peerId(2)}`, 'dnsaddr=/nonsense', 'x'],
    ],
    ['_dnsaddr.b', [`dnsaddr=/ip4/9.0.0.1/tcp/1/p2p/${peerId(1)}`, `dnsaddr=/ip4/9.0.0.2/tcp/1/p2p/${peerId(9)}`]],
    [
      '_dnsaddr.loop',
      [`dnsaddr=/dnsaddr/loop`, 'dnsaddr=/dnsaddr/loop', `dnsaddr=/ip4/9.0.0.1/tcp/1/p2p/${peerId(1)}`],
    ],
  ]);
  let asked = 0;
  const resolve = (domain: string): Promise<string[]> =>
    resolveDnsaddr(domain, signal, async (name) => {
      asked += 1;
      const found = lists.get(name);
      if (found === undefined) throw new Error('ENOTFOUND');
      return Promise.resolve(found.map((text) => [text]));
    }).then((all) => all.map(String));

  it('is followed past entries that lead nowhere, to nobody else than it names', async () => {
    expect(await resolve('a')).toEqual([`/ip4/9.0.0.1/tcp/1/p2p/${peerId(1)}`]);
    await expect(resolve('nowhere')).rejects.toThrow();
  });

  it('that leads in circles ends', async () => {
    asked = 0;
    expect((await resolve('loop')).length).toBeLessThanOrEqual(32);
    expect(asked).toBeLessThanOrEqual(64);
  });
});

describe('the status of a service', () => {
  it.each([
    [['ok', 'ok'], 'up'],
    [['refused', 'refused'], 'not deployed'],
    [['refused', 'silent'], 'not deployed'],
    [['ok', 'refused'], 'down'],
    [['silent'], 'down'],
    [['unnamed', 'unnamed'], 'not deployed'],
    [[], 'not deployed'],
    [['failed', 'refused'], 'down'],
  ] as const)('%j is %s', (results, status) => {
    expect(statusOf(results.map((result) => ({target: '', result})))).toBe(status);
  });
});

describe('a health page', () => {
  it('is read with its status, without waiting for its end', async () => {
    const {getHealthPage} = await import('../../../src/lib/probe/health-page.ts');
    const server = createServer((_, response) => void response.write('{"ok":')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const url = new URL(`http://gateway.quiver.test:${address.port}/healthz`);
    expect(await getHealthPage({url, addresses: ['127.0.0.1'], signal})).toMatchObject({status: 200});
    server.closeAllConnections();
    server.close();
  });
});
