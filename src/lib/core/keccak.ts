import {keccak_256} from '@noble/hashes/sha3.js';

import {createSponge, INPUT_AT, RATE_BYTES} from './keccak-wasm.ts';
import type {KeccakSponge} from './keccak-wasm.ts';

/** Longer inputs than this go through the JavaScript implementation, which needs no room for them. */
const MAX_INPUT_BYTES = 32 * 1_024;
const STATE_BYTES = 200;
const HASH_BYTES = 32;

let sponge: KeccakSponge | undefined;

/** Keccak-256 as Ethereum uses it (the padding before FIPS 202), 32 bytes. */
export function keccak256(bytes: Uint8Array): Uint8Array {
  if (bytes.length > MAX_INPUT_BYTES) return keccak_256(bytes);
  sponge ??= createSponge();
  const {memory, absorb} = sponge;
  const end = INPUT_AT + (Math.floor(bytes.length / RATE_BYTES) + 1) * RATE_BYTES;
  memory.fill(0, 0, STATE_BYTES);
  memory.fill(0, INPUT_AT + bytes.length, end);
  memory.set(bytes, INPUT_AT);
  // Keccak's padding: a one bit after the message, another at the end of the last block.
  memory[INPUT_AT + bytes.length] = 0x01;
  memory[end - 1] = (memory[end - 1] ?? 0) | 0x80;
  absorb(INPUT_AT, end);
  return memory.slice(0, HASH_BYTES);
}
