import * as fc from 'fast-check';
import {expect, it} from 'vitest';

import {newTransactionId} from '../../../../src/lib/stun/message-builder.ts';
import {ATTRIBUTE, METHOD} from '../../../../src/lib/stun/types.ts';
import {writeChannelNumber, writeEvenPort} from '../../../support/stun-attributes.ts';
import {additional, family, lifetime, PEER, PEER6, peer, settle, udp, World} from './harness.ts';
import type {Attribute} from './harness.ts';
import {ClientModel, DENIED, MAX_CHANNELS, MAX_PERMISSIONS} from './model.ts';
import {endpoint} from './fakes.ts';

const CLIENTS = 6;
const RUNS = process.env['QUIVER_DEEP'] === '1' ? 5000 : 250;
/** Of a deep run on a busy machine. */
const TIMEOUT_MS = 900_000;
const MAX_PER_USER = 2;
const PORTS = 6;

const kinds = ['plain', 'six', 'dual', 'even', 'reserve', 'token'] as const;
const client = fc.nat(CLIENTS - 1);
const address = fc.constantFrom(PEER, '9.9.9.9', '1.1.1.1', '4.4.4.4', PEER6, DENIED);
const familyOrNone = fc.constantFrom(undefined, 4 as const, 6 as const);

const operation = fc.oneof(
  {weight: 4, arbitrary: fc.record({do: fc.constant('allocate' as const), client, kind: fc.constantFrom(...kinds)})},
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('refresh' as const),
      client,
      seconds: fc.constantFrom(0, 300, undefined),
      only: familyOrNone,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({do: fc.constant('permit' as const), client, addresses: fc.array(address, {maxLength: 3})}),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('bind' as const),
      client,
      channel: fc.integer({min: 0x4000, max: 0x4003}),
      address,
      port: fc.constantFrom(7, 8),
    }),
  },
  {weight: 3, arbitrary: fc.record({do: fc.constant('data' as const), client, address, port: fc.constantFrom(7, 8)})},
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      ms: fc.constantFrom(1000, 29_000, 299_000, 300_000, 599_000),
    }),
  },
  {weight: 1, arbitrary: fc.record({do: fc.constant('gone' as const), client})},
  {weight: 1, arbitrary: fc.record({do: fc.constant('slow' as const), opening: fc.boolean(), closing: fc.boolean()})},
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** Sockets that open and close when they are let. */
class Gate {
  slow = false;
  #waiting: (() => void)[] = [];

  readonly pass = async (): Promise<void> => {
    if (this.slow) await new Promise<void>((resolve) => void this.#waiting.push(resolve));
  };

  set(slow: boolean): void {
    this.slow = slow;
    if (!slow) for (const go of this.#waiting.splice(0)) go();
  }
}

class Run {
  readonly world = new World({
    users: new Map([
      ['ann', 'a'],
      ['bob', 'b'],
      ['cid', 'c'],
    ]),
    nonceLifetimeMs: 100 * 24 * 3_600_000,
    limits: {permissionsPerAllocation: MAX_PERMISSIONS, channelsPerAllocation: MAX_CHANNELS, reservations: 2},
    admissionLimits: {maxAllocations: 4, maxPerUser: MAX_PER_USER, perUserPerMinute: 1000},
  });
  readonly opening = new Gate();
  readonly closing = new Gate();
  readonly models: ClientModel[] = [];
  #token = new Uint8Array(8);

  async start(): Promise<void> {
    this.world.io.ports = PORTS;
    this.world.io.beforeOpen = this.opening.pass;
    this.world.io.beforeClosed = this.closing.pass;
    for (let index = 0; index < CLIENTS; index++) {
      const [user, password] = (
        [
          ['ann', 'a'],
          ['bob', 'b'],
          ['cid', 'c'],
        ] as const
      )[index % 3]!;
      const each = this.world.client({user, password, transport: index % 2 === 0 ? 'udp' : 'tcp'});
      await each.learnNonce();
      each.path.sent = [];
      this.models.push(new ClientModel(each));
    }
  }

  async do(step: Operation): Promise<void> {
    if (step.do === 'advance') await this.world.advance(step.ms);
    else if (step.do === 'slow') {
      this.opening.set(step.opening);
      this.closing.set(step.closing);
    } else await this.#act(this.models[step.client]!, step);
    await settle();
    for (const model of this.models) {
      model.hear(this.world.nowMs);
      model.pass(this.world.nowMs);
    }
    this.#check();
  }

  async #act(model: ClientModel, step: Exclude<Operation, {do: 'advance' | 'slow'}>): Promise<void> {
    const {nowMs} = this.world;
    const id = newTransactionId();
    const ask = async (method: number, attributes: readonly Attribute[]): Promise<number | undefined> => {
      model.client.raw(model.client.build(method, attributes, id));
      await settle();
      const [sent] = model.client.path.sent;
      const token =
        sent === undefined ? undefined : model.client.read(sent).message.attribute(ATTRIBUTE.reservationToken);
      if (token !== undefined) this.#token = Uint8Array.from(token);
      return model.hear(nowMs);
    };
    switch (step.do) {
      case 'allocate': {
        const had = model.allocated;
        const more: Record<(typeof kinds)[number], readonly Attribute[]> = {
          plain: [],
          six: [family(6)],
          dual: [additional],
          even: [[ATTRIBUTE.evenPort, writeEvenPort(false)]],
          reserve: [[ATTRIBUTE.evenPort, writeEvenPort(true)]],
          token: [[ATTRIBUTE.reservationToken, this.#token]],
        };
        const code = await ask(METHOD.allocate, [udp, ...more[step.kind]]);
        expect([undefined, 0, 437, 486, 508]).toContain(code);
        if (had) expect(code).toBe(437);
        return;
      }
      case 'refresh': {
        const attributes = [
          ...(step.seconds === undefined ? [] : [lifetime(step.seconds)]),
          ...(step.only === undefined ? [] : [family(step.only)]),
        ];
        expect(await ask(METHOD.refresh, attributes)).toBe(model.refresh(step.seconds, step.only, nowMs));
        return;
      }
      case 'permit':
        expect(
          await ask(
            METHOD.createPermission,
            step.addresses.map((each) => peer(each, 1, id)),
          ),
        ).toBe(model.permit(step.addresses, nowMs));
        return;
      case 'bind': {
        const attributes: Attribute[] = [
          [ATTRIBUTE.channelNumber, writeChannelNumber(step.channel)],
          peer(step.address, step.port, id),
        ];
        expect(await ask(METHOD.channelBind, attributes)).toBe(
          model.bind(step.channel, step.address, step.port, nowMs),
        );
        return;
      }
      case 'data':
        this.#exchange(model, step.address, step.port);
        return;
      case 'gone':
        this.world.core.pathClosed(model.client.path);
        model.end();
        return;
      default:
        throw new Error('no such operation');
    }
  }

  /** Data passes both ways exactly where the model says so, over the channel exactly where there is one. */
  #exchange(model: ClientModel, to: string, port: number): void {
    const {world} = this;
    const sockets = [...world.io.open.values()];
    const before = sockets.reduce((sum, socket) => sum + socket.sent.length, 0);
    const may = model.mayExchange(to, world.nowMs);
    const bound = [...model.channels].find(([, each]) => each.address === to && each.port === port)?.[0];
    model.client.sendIndication(to, port, Buffer.from('x'));
    if (bound !== undefined) model.client.channelData(bound, Buffer.from('x'));
    const sent = sockets.reduce((sum, socket) => sum + socket.sent.length, 0) - before;
    expect(sent).toBe(may ? (bound === undefined ? 1 : 2) : 0);

    const from = endpoint(to, port);
    const arrived = sockets.flatMap((socket) => {
      model.client.path.sent = [];
      if (socket.relayed.family === from.family) world.core.fromPeer(socket, from, Buffer.from('y'), world.nowMs);
      return model.client.path.sent;
    });
    expect(arrived.map((bytes) => bytes.readUInt16BE())).toEqual(may ? [bound ?? 0x0017] : []);
    for (const each of this.models) each.client.path.sent = [];
  }

  #check(): void {
    const {world} = this;
    const sockets = [...world.io.open.values()];
    const live = sockets.filter(({closing}) => !closing);
    const owned = live.filter(({owner}) => owner !== undefined);
    const {allocations, opening, reservations} = world.core.stats();
    // Every socket is somebody's, and counted by a lease until it is closed; dual and pair are two for one.
    expect(owned.length).toBe(this.models.reduce((sum, model) => sum + model.relays.size, 0));
    expect(live.length).toBe(owned.length + reservations);
    expect(allocations).toBe(this.models.filter((model) => model.allocated).length);
    expect(sockets.length).toBeLessThanOrEqual(2 * world.admission.held);
    expect(world.admission.held).toBeLessThanOrEqual(4);
    expect(reservations).toBeLessThanOrEqual(2);
    for (const user of ['ann', 'bob', 'cid']) {
      const mine = this.models.filter((model) => model.client.user === user && model.allocated);
      expect(mine.length).toBeLessThanOrEqual(MAX_PER_USER);
    }
    const held = this.models.filter(({client: {path}}) => path.held).length;
    expect(held).toBe(allocations + opening);
  }

  /** In the end everything is given back. */
  async finish(): Promise<void> {
    this.opening.set(false);
    this.closing.set(false);
    await this.world.core.close();
    expect([this.world.io.open.size, this.world.admission.held]).toEqual([0, 0]);
    expect(this.models.some(({client: {path}}) => path.held)).toBe(false);
  }
}

it(
  'ports, quotas, permissions and data are what a plain model says, after any sequence of operations',
  {timeout: TIMEOUT_MS},
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, {maxLength: 60, size: 'max'}), async (steps) => {
        const run = new Run();
        await run.start();
        for (const step of steps) await run.do(step);
        await run.finish();
      }),
      {numRuns: RUNS},
    );
  },
);
