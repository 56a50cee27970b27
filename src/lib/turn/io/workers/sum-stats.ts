import {TurnCounters} from '../../core/counters.ts';
import type {ServerStats} from '../server-options.ts';

/** A tree of numbers, with a text here and there that is the same in all. */
type Tree = number | string | {[name: string]: Tree};

export function noStats(): ServerStats {
  return {
    engine: 'dgram',
    core: {allocations: 0, opening: 0, reservations: 0, closing: 0},
    counters: new TurnCounters(),
    udp: {sendErrors: 0, sendDropped: 0, receiveErrors: 0},
    streams: {accepted: 0, refused: 0, handshakesFailed: 0, overdue: 0, sendDropped: 0},
    connections: 0,
    handedOver: 0,
    internalErrors: 0,
  };
}

/** Every number is the sum; what isn't a number is that of the second. */
export function addStats(one: ServerStats, other: ServerStats): ServerStats {
  return addTrees(one as unknown as Tree, other as unknown as Tree) as unknown as ServerStats;
}

function addTrees(one: Tree | undefined, other: Tree): Tree {
  if (typeof other === 'number') return other + (typeof one === 'number' ? one : 0);
  if (typeof other === 'string') return other;
  const names = Object.keys(other);
  const part = (name: string): Tree | undefined => (typeof one === 'object' ? one[name] : undefined);
  return Object.fromEntries(names.map((name) => [name, addTrees(part(name), other[name] ?? 0)]));
}
