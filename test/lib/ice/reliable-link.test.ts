import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {ReliableLink} from '../../../src/lib/ice/reliable-link.ts';

/** A path between two links that keeps order, and loses what is on the way when it is cut. */
class Wire {
  readonly queues: [Buffer[], Buffer[]] = [[], []];
  room = 4;

  output(side: 0 | 1) {
    const queue = this.queues[side];
    return {
      send: (bytes: Uint8Array) => {
        queue.push(Buffer.from(bytes));
        return true;
      },
      roomBytes: () => (queue.length < this.room ? 1_000_000 : 0),
    };
  }
}

function pair() {
  const got: [string[], string[]] = [[], []];
  const links: [ReliableLink, ReliableLink] = [
    new ReliableLink(
      (frame) => got[0].push(frame.toString()),
      () => {},
    ),
    new ReliableLink(
      (frame) => got[1].push(frame.toString()),
      () => {},
    ),
  ];
  return {got, links};
}

describe('link', () => {
  it('delivers every frame once and in order, however often the path is cut', () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({do: fc.constant('send' as const), side: fc.constantFrom(0 as const, 1 as const)}),
      },
      {
        weight: 8,
        arbitrary: fc.record({do: fc.constant('pass' as const), side: fc.constantFrom(0 as const, 1 as const)}),
      },
      {
        weight: 2,
        arbitrary: fc.record({do: fc.constant('ack' as const), side: fc.constantFrom(0 as const, 1 as const)}),
      },
      {weight: 1, arbitrary: fc.record({do: fc.constant('cut' as const), side: fc.constant(0 as const)})},
    );
    fc.assert(
      fc.property(fc.array(step, {maxLength: 120}), (steps) => {
        const {got, links} = pair();
        const sent: [string[], string[]] = [[], []];
        let wire = new Wire();
        const attach = (): void => {
          wire = new Wire();
          links[0].attach(wire.output(0));
          links[1].attach(wire.output(1));
        };
        const pass = (side: 0 | 1): boolean => {
          const bytes = wire.queues[side].shift();
          if (bytes === undefined) return false;
          links[side === 0 ? 1 : 0].receive(bytes);
          links[side].flush();
          return true;
        };
        attach();
        for (const [index, {do: action, side}] of steps.entries()) {
          if (action === 'cut') attach();
          else if (action === 'pass') pass(side);
          else if (action === 'ack') links[side].acknowledge();
          else {
            sent[side].push(String(index));
            links[side].send(Buffer.from(String(index)));
          }
        }
        attach();
        while (pass(0) || pass(1));
        expect(got[1]).toEqual(sent[0]);
        expect(got[0]).toEqual(sent[1]);
        for (const link of links) link.acknowledge();
        while (pass(0) || pass(1));
        expect(links.map(({keptBytes}) => keptBytes)).toEqual([0, 0]);
      }),
      {numRuns: 300},
    );
  });

  it('makes senders wait, and lets them go on', () => {
    let room = 0;
    const link = new ReliableLink(
      () => {},
      () => room++,
    );
    const wire = new Wire();
    wire.room = Number.POSITIVE_INFINITY;
    link.attach(wire.output(0));
    link.receive(Buffer.of(0, 0, 0, 0, 0, 0, 0));
    let frames = 0;
    for (; !link.blocked; frames++) link.send(Buffer.alloc(60_000));
    expect(frames).toBeLessThan(100);
    link.receive(Buffer.of(2, 0, 0, 0, 0, 0, frames - 1));
    expect({blocked: link.blocked, room}).toEqual({blocked: false, room: 1});
  });

  it.each([
    ['an unknown kind', [9, 0, 0, 0, 0, 0, 0]],
    ['a cut count', [2, 0, 0]],
    ['a count of what was never sent', [2, 0, 0, 0, 0, 0, 5]],
    ['nothing', []],
  ])('refuses %s', (_name, bytes) => {
    const {links} = pair();
    links[0].attach(new Wire().output(0));
    expect(() => links[0].receive(Buffer.from(bytes))).toThrow(/protocol/);
  });
});
