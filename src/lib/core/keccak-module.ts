/** Bytes of a message that Keccak-256 takes in at once. */
export const BLOCK_BYTES = 136;
const LANES = 25;
const LANE_BYTES = 8;
const ROUNDS = 24;
const STATE_BYTES = LANES * LANE_BYTES;
/** Where blocks begin in the module's memory: after the state and the constants of the rounds. */
export const INPUT_OFFSET = STATE_BYTES + ROUNDS * LANE_BYTES;

/** Locals: the parameter, two addresses, the lanes of the state, and lanes between the steps of a round. */
const END = 0;
const BLOCK = 1;
const CONSTANT = 2;
const STATE = 3;
const MOVED = STATE + LANES;
const PARITY = MOVED + LANES;
const EFFECT = PARITY + 5;

/** Instructions (WebAssembly core specification, 5.4). */
const OP = {
  loop: 0x03,
  end: 0x0b,
  branchIf: 0x0d,
  get: 0x20,
  set: 0x21,
  i64Load: 0x29,
  i64Store: 0x37,
  i32Const: 0x41,
  i64Const: 0x42,
  i32LessThan: 0x49,
  i32Add: 0x6a,
  i64And: 0x83,
  i64Xor: 0x85,
  i64RotateLeft: 0x89,
};
const I32 = 0x7f;
const I64 = 0x7e;
const NOTHING = 0x40;
/** log2 of a lane's bytes. */
const ALIGNED = 3;

type Code = readonly number[];

/** LEB128. */
const unsigned = (value: number): Code => (value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >> 7)]);
const signed = (value: number): Code =>
  value >= -64 && value < 64 ? [value & 127] : [(value & 127) | 128, ...signed(value >> 7)];
const sized = (content: Code): Code => [...unsigned(content.length), ...content];

/** A section with one entry. */
const section = (id: number, entry: Code): Code => [id, ...sized([1, ...entry])];
const name = (text: string): Code => sized([...Buffer.from(text)]);

const get = (local: number): Code => [OP.get, local];
const set = (local: number, value: Code): Code => [...value, OP.set, local];
const i32 = (value: number): Code => [OP.i32Const, ...signed(value)];
const i64 = (value: number): Code => [OP.i64Const, ...signed(value)];
const load = (address: Code, offset: number): Code => [...address, OP.i64Load, ALIGNED, ...unsigned(offset)];
const store = (offset: number, value: Code): Code => [...i32(0), ...value, OP.i64Store, ALIGNED, ...unsigned(offset)];
const xor = (a: Code, b: Code): Code => [...a, ...b, OP.i64Xor];
const and = (a: Code, b: Code): Code => [...a, ...b, OP.i64And];
const not = (a: Code): Code => xor(a, i64(-1));
const rotate = (value: Code, bits: number): Code => [...value, ...i64(bits), OP.i64RotateLeft];
/** Repeats the body, which moves the address on by a step, until it is at the end. */
const each = (address: number, from: number, step: number, end: Code, body: Code): Code => [
  ...set(address, i32(from)),
  OP.loop,
  NOTHING,
  ...body,
  ...set(address, [...get(address), ...i32(step), OP.i32Add]),
  ...get(address),
  ...end,
  OP.i32LessThan,
  OP.branchIf,
  0,
  OP.end,
];
const lanes = (count: number, code: (lane: number) => Code): Code =>
  Array.from({length: count}, (_, i) => code(i)).flat();

/** How far rho turns each lane, and where pi puts it (FIPS 202, 3.2.2 and 3.2.3). */
function moves(): {bits: number; to: number}[] {
  const found = Array.from({length: LANES}, () => ({bits: 0, to: 0}));
  for (let t = 0, x = 1, y = 0; t < ROUNDS; t += 1) {
    const next = (2 * x + 3 * y) % 5;
    found[x + 5 * y] = {bits: (((t + 1) * (t + 2)) / 2) % 64, to: y + 5 * next};
    [x, y] = [y, next];
  }
  return found;
}

function round(): Code {
  const parity = (x: number): Code => get(PARITY + (x % 5));
  return [
    // theta
    ...lanes(5, (x) => set(PARITY + x, [0, 5, 10, 15, 20].map((y) => get(STATE + x + y)).reduce(xor))),
    ...lanes(5, (x) => set(EFFECT + x, xor(parity(x + 4), rotate(parity(x + 1), 1)))),
    // rho and pi
    ...moves().flatMap(({bits, to}, lane) =>
      set(MOVED + to, rotate(xor(get(STATE + lane), get(EFFECT + (lane % 5))), bits)),
    ),
    // chi
    ...lanes(LANES, (lane) => {
      const row = MOVED + lane - (lane % 5);
      const other = (distance: number): Code => get(row + ((lane + distance) % 5));
      return set(STATE + lane, xor(other(0), and(not(other(1)), other(2))));
    }),
    // iota
    ...set(STATE, xor(get(STATE), load(get(CONSTANT), 0))),
  ];
}

/** The constants of iota, from the bits of a shift register (FIPS 202, 3.2.5). */
export function roundConstants(): BigUint64Array {
  let register = 1;
  return BigUint64Array.from({length: ROUNDS}, () => {
    let constant = 0n;
    for (let j = 0; j <= 6; j += 1) {
      if ((register & 1) === 1) constant |= 1n << BigInt(2 ** j - 1);
      register = (register << 1) ^ ((register >> 7) * 0x171);
    }
    return constant;
  });
}

/**
 * Keccak's sponge as a WebAssembly module, where a lane is one machine word. It imports its memory as `m.m` and exports
 * `absorb(end)`, which takes the blocks from `INPUT_OFFSET` to `end`, at least one, into the state at 0.
 */
export function keccakModule(): Uint8Array<ArrayBuffer> {
  const localGroups: Code = [2, STATE - BLOCK, I32, EFFECT + 5 - STATE, I64];
  const body: Code = [
    ...localGroups,
    ...lanes(LANES, (lane) => set(STATE + lane, load(i32(0), lane * LANE_BYTES))),
    ...each(BLOCK, INPUT_OFFSET, BLOCK_BYTES, get(END), [
      ...lanes(BLOCK_BYTES / LANE_BYTES, (lane) =>
        set(STATE + lane, xor(get(STATE + lane), load(get(BLOCK), lane * LANE_BYTES))),
      ),
      ...each(CONSTANT, STATE_BYTES, LANE_BYTES, i32(INPUT_OFFSET), round()),
    ]),
    ...lanes(LANES, (lane) => store(lane * LANE_BYTES, get(STATE + lane))),
    OP.end,
  ];
  // The function's type; memory of at least one page; the function; what it is called; its code.
  return Uint8Array.from([
    ...Buffer.from('\0asm\u0001\0\0\0'),
    ...section(1, [0x60, 1, I32, 0]),
    ...section(2, [...name('m'), ...name('m'), 2, 0, 1]),
    ...section(3, [0]),
    ...section(7, [...name('absorb'), 0, 0]),
    ...section(10, sized(body)),
  ]);
}
