import {BLOCK_BYTES, INPUT_OFFSET, keccakModule, roundConstants} from './keccak-module.ts';

/** One page of WebAssembly. */
const MEMORY_BYTES = 65_536;
const ROOM_BYTES = Math.floor((MEMORY_BYTES - INPUT_OFFSET) / BLOCK_BYTES) * BLOCK_BYTES;
const DIGEST_BYTES = 32;

/** What is used of it; Node's types leave WebAssembly to those of browsers. */
declare const WebAssembly: {
  Memory: new (size: {initial: number}) => {buffer: ArrayBuffer};
  Module: new (code: Uint8Array) => object;
  Instance: new (module: object, imports: object) => {exports: {absorb: (end: number) => void}};
};

const memory = new WebAssembly.Memory({initial: 1});
const {absorb} = new WebAssembly.Instance(new WebAssembly.Module(keccakModule()), {m: {m: memory}}).exports;
const constants = roundConstants();
new BigUint64Array(memory.buffer, INPUT_OFFSET - constants.byteLength).set(constants);
const state = new Uint8Array(memory.buffer, 0, INPUT_OFFSET - constants.byteLength);
const input = new Uint8Array(memory.buffer, INPUT_OFFSET, ROOM_BYTES);

/** Keccak-256 as Ethereum uses it (the padding before FIPS 202), 32 bytes. */
export function keccak256(bytes: Uint8Array): Uint8Array {
  state.fill(0);
  let rest = bytes;
  for (; rest.length >= ROOM_BYTES; rest = rest.subarray(ROOM_BYTES)) {
    input.set(rest.subarray(0, ROOM_BYTES));
    absorb(INPUT_OFFSET + ROOM_BYTES);
  }
  const padded = rest.length - (rest.length % BLOCK_BYTES) + BLOCK_BYTES;
  input.set(rest);
  input.fill(0, rest.length, padded);
  input[rest.length] = 0x01;
  input[padded - 1] = (input[padded - 1] ?? 0) | 0x80;
  absorb(INPUT_OFFSET + padded);
  return state.slice(0, DIGEST_BYTES);
}
