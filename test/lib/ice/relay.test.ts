import {once} from 'node:events';
import {createSocket} from 'node:dgram';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {openTurnBridge} from '../../../src/lib/ice/turn-bridge.ts';
import {probeTurn} from '../../../src/lib/ice/turn-probe.ts';
import type {TurnRoute} from '../../../src/lib/ice/turn-route.ts';
import {MessageBuilder} from '../../../src/lib/stun/message-builder.ts';
import {CLASS, METHOD} from '../../../src/lib/stun/types.ts';
import {writeCertificate} from '../../support/lab/certificate.ts';
import {startCoturn, type Coturn} from '../../support/lab/coturn.ts';
import {freePorts} from '../../support/lab/free-ports.ts';
import {lacking} from '../../support/lab/requires.ts';
import {trust} from '../../support/trust.ts';
import {createPair, sendAndCompare} from './pair.ts';

const missing = lacking('turnserver');
const signal = () => AbortSignal.timeout(20_000);

describe.skipIf(missing !== undefined)(`TURN through coturn ${missing ?? ''}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'qv-ice-'));
  const files = writeCertificate(folder);
  let ports: number[];
  let server: Coturn;
  let spare: Coturn;

  const start = (port: number, tls: number): Promise<Coturn> =>
    startCoturn({
      addresses: ['127.0.0.1'],
      port,
      tls: {port: tls, ...files},
      users: ['alice:canary-7f3'],
      more: ['--allow-loopback-peers', '--no-cli', '--verbose'],
    });
  const route = (transport: TurnRoute['transport'], which = 0): TurnRoute => ({
    host: '127.0.0.1',
    port: ports[(transport === 'tls' ? 1 : 0) + 2 * which]!,
    transport,
    username: 'alice',
    credential: 'canary-7f3',
  });
  /** Allocations that were made and not given back. */
  const held = (log: string): number => {
    const count = (pattern: RegExp): number => log.match(pattern)?.length ?? 0;
    return count(/ALLOCATE processed, success/g) - count(/: delete: realm/g);
  };

  beforeAll(async () => {
    ports = await freePorts(4);
    [server, spare] = await Promise.all([start(ports[0]!, ports[1]!), start(ports[2]!, ports[3]!)]);
  }, 20_000);

  afterAll(async () => {
    await Promise.all([server?.stop(), spare?.stop()]);
    rmSync(folder, {recursive: true});
  });

  it.each(['udp', 'tcp', 'tls'] as const)('relays over %s alone, and gives the allocations back', async (transport) => {
    trust(files);
    await using pair = await createPair({
      policy: 'relay',
      pathServers: {turn: [route(transport)]},
    });
    const candidates: string[] = [];
    pair.room.tamper = (message) => {
      if (message.type === 'ice-candidate' && message.candidate !== '') candidates.push(message.candidate);
      return message;
    };
    const [connection] = await pair.connect();
    await sendAndCompare(connection, 3_000_000);
    expect(candidates.length).toBeGreaterThan(0);
    for (const candidate of candidates) expect(candidate).toContain('typ relay');
    expect(connection.stats()).toMatchObject({
      type: 'relay',
      pair: {local: {type: 'relay'}, remote: {type: 'relay'}},
    });
    await pair.close();
    await expect.poll(() => held(server.log()), {timeout: 3_000}).toBe(0);
  });

  it('gives back what an agent has allocated itself and did not use', async () => {
    await using pair = await createPair({pathServers: {turn: [route('udp')]}});
    const [connection] = await pair.connect();
    await expect.poll(() => held(server.log()), {timeout: 3_000}).toBe(2);
    expect(connection.stats()!.type).toBe('host');
    await pair.close();
    await expect.poll(() => held(server.log()), {timeout: 3_000}).toBe(0);
  });

  it('goes over another server when the one in use dies in the middle of a transfer', async () => {
    const quality = {silenceMs: 1_500, probeMs: 300};
    let turn = [route('udp', 1)];
    const servers = async () => ({turn});
    await using pair = await createPair({policy: 'relay', quality, servers});
    const [connection] = await pair.connect();
    const states: string[] = [];
    const watch = setInterval(() => states.at(-1) !== connection.state && states.push(connection.state), 20);
    let killed: Promise<void> | undefined;
    await sendAndCompare(connection, 8_000_000, (sent) => {
      if (sent !== 2_000_000) return;
      turn = [route('udp', 0)];
      killed = spare.stop();
    });
    await killed;
    clearInterval(watch);
    expect(states).toContain('restarting');
    expect(connection.stats()).toMatchObject({type: 'relay'});
    expect(connection.stats()!.restarts).toBeGreaterThanOrEqual(1);
  }, 25_000);

  it('names what a probe finds', async () => {
    const untrusted = await probeTurn(route('tls'), {signal: signal()});
    trust(files);
    const results = await Promise.all([
      probeTurn(route('tls'), {signal: signal()}),
      probeTurn({...route('udp'), credential: 'wrong'}, {signal: signal()}),
      probeTurn({...route('udp'), port: 9}, {signal: signal(), deadlineMs: 300}),
      probeTurn({...route('tcp'), port: 9}, {signal: signal()}),
    ]);
    expect(untrusted.problem?.code).toBe('ICE_SERVER_CERTIFICATE');
    expect(results.map(({problem}) => problem?.code)).toEqual([
      undefined,
      'TURN_REFUSED',
      'ICE_SERVER_SILENT',
      'ICE_SERVER_UNREACHABLE',
    ]);
    expect(results[0]).toMatchObject({lifetimeS: 600, relayed: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string});
    expect(JSON.stringify(results)).not.toContain('canary');
  });

  it('serves the first that speaks to the bridge, and nobody else', async () => {
    const bridge = await openTurnBridge(route('tcp'), {signal: signal()});
    const [first, second] = [createSocket('udp4'), createSocket('udp4')];
    const binding = (): Buffer => new MessageBuilder(METHOD.binding, CLASS.request).build();
    const answers: string[] = [];
    first.on('message', () => answers.push('first'));
    second.on('message', () => answers.push('second'));
    second.send(Buffer.from('not STUN'), bridge.port, '127.0.0.1');
    first.send(binding(), bridge.port, '127.0.0.1');
    await once(first, 'message');
    for (const bytes of [binding(), Buffer.alloc(0), Buffer.of(0x40, 0, 0xff, 0xff), Buffer.alloc(2_000, 0x41)]) {
      second.send(bytes, bridge.port, '127.0.0.1');
      if (bytes.length !== 20) first.send(bytes, bridge.port, '127.0.0.1');
    }
    first.send(binding(), bridge.port, '127.0.0.1');
    await once(first, 'message');
    expect(answers).toEqual(['first', 'first']);
    first.close();
    second.close();
    await bridge.close();
  });
});
