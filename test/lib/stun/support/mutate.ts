/** Numbers that come again with the same seed (mulberry32), so that a failure can be repeated. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 to `below` - 1. */
  roll(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.roll(from.length)]!;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({length}, () => this.roll(256)));
  }
}

/** Values that lengths and types go wrong at. */
const EDGES = [0, 1, 3, 4, 5, 7, 8, 0x7fff, 0x8000, 0x8028, 0xfffc, 0xffff];

type Mutation = (bytes: Buffer, dice: Dice, others: readonly Buffer[]) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, dice) {
    if (bytes.length === 0) return bytes;
    const at = dice.roll(bytes.length);
    bytes[at] = bytes[at]! ^ (1 << dice.roll(8));
    return bytes;
  },
  function cut(bytes, dice) {
    return bytes.subarray(0, dice.roll(bytes.length + 1));
  },
  function lengthen(bytes, dice) {
    return Buffer.concat([bytes, dice.bytes(dice.roll(12))]);
  },
  function edge(bytes, dice) {
    if (bytes.length < 2) return bytes;
    bytes.writeUInt16BE(dice.pick(EDGES), dice.roll(bytes.length >> 1) * 2 || 0);
    return bytes;
  },
  function splice(bytes, dice, others) {
    const other = dice.pick(others);
    return Buffer.concat([bytes.subarray(0, dice.roll(bytes.length + 1)), other.subarray(dice.roll(other.length + 1))]);
  },
  function doubleAttribute(bytes) {
    return Buffer.concat([bytes, bytes.subarray(20)]);
  },
  function noise(_, dice) {
    return dice.bytes(dice.roll(64));
  },
];

/** One packet with one to four things wrong; half of the time its length is made to fit again, so that more of it is read. */
export function mutate(packets: readonly Buffer[], dice: Dice): Buffer {
  let bytes: Buffer = Buffer.from(dice.pick(packets));
  for (let left = 1 + dice.roll(4); left > 0; left--) bytes = dice.pick(MUTATIONS)(Buffer.from(bytes), dice, packets);
  if (dice.roll(2) === 0 && bytes.length >= 20) {
    bytes = bytes.subarray(0, bytes.length & ~3);
    bytes.writeUInt16BE((bytes.length - 20) & 0xffff, 2);
    if (dice.roll(2) === 0) bytes.writeUInt32BE(0x2112a442, 4);
  }
  return bytes;
}

/** The same bytes, but reading an index that they don't have throws. */
export function guarded(bytes: Uint8Array): Uint8Array {
  return new Proxy(bytes, {
    get(target, property) {
      if (typeof property === 'string' && /^-?\d+$/.test(property) && !(Number(property) in target)) {
        throw new RangeError(`read at ${property} of ${target.length} bytes`);
      }
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
