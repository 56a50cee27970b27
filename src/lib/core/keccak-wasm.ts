/**
 * Keccak-f[1600] (FIPS 202, section 3.3) as WebAssembly, which has the 64-bit rotations that JavaScript lacks: hashing a
 * receipt takes a fifth of the time. The code is assembled here from the formulas of the standard, as 24 rounds over 25
 * local variables.
 */

/** Bytes of input for each permutation at 256 bits of output. */
export const RATE_BYTES = 136;

const LANES = 25;
const ROUNDS = 24;
const STATE_AT = 0;
const ROUND_CONSTANTS_AT = 256;
const ROUND_CONSTANTS_END = ROUND_CONSTANTS_AT + ROUNDS * 8;
/** Where callers put their blocks. */
export const INPUT_AT = 512;

export interface KeccakSponge {
  memory: Uint8Array;
  /** Absorbs the blocks in memory from one address up to another, at least one. */
  absorb: (this: void, start: number, end: number) => void;
}

/** What of WebAssembly is used; Node's types leave it out. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => {exports: {memory: {buffer: ArrayBuffer}; absorb: KeccakSponge['absorb']}};
};

/** A sponge with a zero state; callers set the first 200 bytes of memory to zero to begin anew. */
export function createSponge(): KeccakSponge {
  const {memory, absorb} = new WebAssembly.Instance(new WebAssembly.Module(assemble())).exports;
  new BigUint64Array(memory.buffer, ROUND_CONSTANTS_AT, ROUNDS).set(roundConstants());
  return {memory: new Uint8Array(memory.buffer), absorb};
}

/** Iota's constants, from the shift register of FIPS 202, algorithm 5. */
function roundConstants(): bigint[] {
  let register = 1;
  return Array.from({length: ROUNDS}, () => {
    let constant = 0n;
    for (let j = 0; j <= 6; j += 1) {
      if ((register & 1) === 1) constant |= 1n << BigInt(2 ** j - 1);
      register = (register << 1) ^ ((register >> 7) * 0x171);
    }
    return constant;
  });
}

/** Rho's rotations, algorithm 2, by lane x + 5y. */
function rotations(): number[] {
  const offsets = Array.from({length: LANES}, () => 0);
  let [x, y] = [1, 0];
  for (let t = 0; t < ROUNDS; t += 1) {
    offsets[x + 5 * y] = (((t + 1) * (t + 2)) / 2) % 64;
    [x, y] = [y, (2 * x + 3 * y) % 5];
  }
  return offsets;
}

// Local variables: two parameters, the address of the next round constant, the state, its copy, theta's columns.
const [START, END, CONSTANT, STATE, COPY, COLUMN, MIX] = [0, 1, 2, 3, 28, 53, 58];

type Code = readonly number[];

const join = (...parts: Code[]): Code => parts.flat();
const get = (local: number): Code => [0x20, ...unsigned(local)];
const set = (local: number): Code => [0x21, ...unsigned(local)];
const XOR: Code = [0x85];
const AND: Code = [0x83];
const NOT: Code = [0x42, 0x7f, ...XOR];
const rotate = (bits: number): Code => [0x42, ...signed(bits), 0x89];
const load = (offset: number): Code => [0x29, 3, ...unsigned(offset)];
const store = (offset: number): Code => [0x37, 3, ...unsigned(offset)];
const int32 = (value: number): Code => [0x41, ...signed(value)];
/** Does `body`, adds `step` to `local`, and begins again until it equals what `end` puts on the stack. */
const loop = (body: Code, local: number, step: number, end: Code): Code =>
  join([0x03, 0x40], body, get(local), int32(step), [0x6a, 0x22, local], end, [0x47, 0x0d, 0x00, 0x0b]);

const lanes = (count: number, code: (lane: number) => Code): Code =>
  Array.from({length: count}, (_, lane) => code(lane)).flat();
const each = (code: (x: number, y: number) => Code): Code =>
  lanes(LANES, (lane) => code(lane % 5, Math.floor(lane / 5)));

function round(): Code {
  const offsets = rotations();
  const state = (x: number, y: number): number => STATE + (x % 5) + 5 * (y % 5);
  const copy = (x: number, y: number): number => COPY + (x % 5) + 5 * (y % 5);
  const columns = lanes(5, (x) =>
    join(get(state(x, 0)), ...[1, 2, 3, 4].map((y) => join(get(state(x, y)), XOR)), set(COLUMN + x)),
  );
  const theta = lanes(5, (x) =>
    join(
      join(get(COLUMN + ((x + 4) % 5)), get(COLUMN + ((x + 1) % 5)), rotate(1), XOR, set(MIX)),
      lanes(5, (y) => join(get(state(x, y)), get(MIX), XOR, set(state(x, y)))),
    ),
  );
  const rhoAndPi = each((x, y) => join(get(state(x, y)), rotate(offsets[x + 5 * y] ?? 0), set(copy(y, 2 * x + 3 * y))));
  const chi = each((x, y) =>
    join(get(copy(x + 1, y)), NOT, get(copy(x + 2, y)), AND, get(copy(x, y)), XOR, set(state(x, y))),
  );
  const iota = join(get(STATE), get(CONSTANT), load(0), XOR, set(STATE));
  return join(columns, theta, rhoAndPi, chi, iota);
}

function absorbBody(): Code {
  const xorIn = lanes(RATE_BYTES / 8, (lane) =>
    join(get(STATE + lane), get(START), load(lane * 8), XOR, set(STATE + lane)),
  );
  const rounds = loop(round(), CONSTANT, 8, int32(ROUND_CONSTANTS_END));
  const block = join(xorIn, int32(ROUND_CONSTANTS_AT), set(CONSTANT), rounds);
  return join(
    lanes(LANES, (lane) => join(int32(STATE_AT), load(lane * 8), set(STATE + lane))),
    loop(block, START, RATE_BYTES, get(END)),
    lanes(LANES, (lane) => join(int32(STATE_AT), get(STATE + lane), store(lane * 8))),
  );
}

/** The binary format of the WebAssembly core specification, chapter 5. */
function assemble(): Uint8Array {
  const [I32, I64] = [0x7f, 0x7e];
  const name = (text: string): Code => [text.length, ...Buffer.from(text)];
  const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content];
  const locals = [2, 1, I32, ...unsigned(MIX - STATE + 1), I64];
  const body = join(locals, absorbBody(), [0x0b]);
  return Uint8Array.from(
    join(
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      section(1, [1, 0x60, 2, I32, I32, 0]),
      section(3, [1, 0]),
      section(5, [1, 0x00, 1]),
      section(7, [2, ...name('memory'), 0x02, 0, ...name('absorb'), 0x00, 0]),
      section(10, [1, ...unsigned(body.length), ...body]),
    ),
  );
}

/** LEB128. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): Code {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >>> 7)];
}
