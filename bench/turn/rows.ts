/** What is measured, in which order, and the goals from docs/benchmarks.md. */
import type {Address} from './client.ts';
import {
  binding,
  type Carried,
  closedLoop,
  indication,
  type Load,
  type Lane,
  paced,
  type Pair,
  toClient,
  toPeer,
} from './relay.ts';
import type {Wire} from './wire.ts';

export interface Row {
  name: string;
  /** node-turn drops ChannelData from clients. */
  notNodeTurn?: boolean;
  run(wire: Wire, pairs: readonly Pair[], server: Address, forMs: number): Carried;
  /** Highest ratio of CPU per packet by server: to coturn, to node-turn. */
  goals: Readonly<Record<string, {coturn?: number; nodeTurn?: number}>>;
}

const RELAY = {dgram: {coturn: 1.65, nodeTurn: 0.85}, batch: {coturn: 0.95}};
const ALLOW = {batch: {coturn: 0.95}, dgram: {coturn: 1.65}};
/** 10 allocations with 16 datagrams under way each keep a relay thread busy without a queue that overflows. */
const STEADY = {window: 16, burst: 1};
/** A video frame or a flight of a data channel: equal datagrams back to back. */
const BURSTS = {window: 32, burst: 16};

const loop =
  (lanes: (wire: Wire, pair: Pair, server: Address) => Lane[], load: Omit<Load, 'forMs'>): Row['run'] =>
  (wire, pairs, server, forMs) =>
    closedLoop(
      wire,
      pairs.flatMap((pair) => lanes(wire, pair, server)),
      {...load, forMs},
    );

const both = (bytes: number) =>
  loop((wire, pair, server) => [toClient(wire, pair, bytes), toPeer(wire, pair, server, bytes)], STEADY);

export const ROWS: readonly Row[] = [
  {
    name: 'STUN Binding',
    run: loop((wire, pair, server) => [binding(wire, pair, server)], STEADY),
    goals: {dgram: {coturn: 1.45}},
  },
  {name: 'peer→client 160 B', run: loop((wire, pair) => [toClient(wire, pair, 160)], STEADY), goals: RELAY},
  {name: 'peer→client 1000 B', run: loop((wire, pair) => [toClient(wire, pair, 1_000)], STEADY), goals: RELAY},
  {
    name: 'client→peer 160 B',
    notNodeTurn: true,
    run: loop((wire, pair, server) => [toPeer(wire, pair, server, 160)], STEADY),
    goals: ALLOW,
  },
  {name: 'both ways 160 B', notNodeTurn: true, run: both(160), goals: ALLOW},
  {name: 'both ways 1000 B', notNodeTurn: true, run: both(1_000), goals: ALLOW},
  {
    name: 'Send indication 160 B',
    run: loop((wire, pair, server) => [indication(wire, pair, server, 160)], STEADY),
    goals: ALLOW,
  },
  {
    name: 'bursts of 16 × 1000 B to clients',
    run: loop((wire, pair) => [toClient(wire, pair, 1_000, true)], BURSTS),
    goals: {'batch+GSO': {coturn: 0.7}},
  },
  {
    name: 'paced 8,000/s, 160 B to clients',
    run: (wire, pairs, _server, forMs) =>
      paced(
        wire,
        pairs.map((pair) => toClient(wire, pair, 160)),
        8_000,
        forMs,
      ),
    goals: {dgram: {coturn: 1.25}},
  },
];
