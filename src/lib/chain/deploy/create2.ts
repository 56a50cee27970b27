import {concatBytes, fromHex, toHex, utf8} from '../../core/bytes.ts';
import {keccak256} from '../../core/keccak.ts';
import {addressFromBytes} from '../../core/secp256k1.ts';

/**
 * The deterministic deployment proxy, at one address on nearly every chain, Polygon and Amoy among them
 * (github.com/Arachnid/deterministic-deployment-proxy): called with a salt and creation code, it CREATE2s it. Addresses
 * are known before anything is deployed, and deploying twice is impossible.
 */
export const CREATE2_FACTORY = '0x4e59b44847b379578588920cA78FbF26c0B4956C';
export const CREATE2_FACTORY_CODE =
  '0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3';

/** Calldata for the factory. */
export function create2Call(salt: string, creationCode: string): string {
  return `${toHex(saltOf(salt))}${creationCode.slice(2)}`;
}

/** EIP-1014. */
export function create2Address(salt: string, creationCode: string): string {
  const parts = [Uint8Array.of(0xff), hexBytes(CREATE2_FACTORY), saltOf(salt), keccak256(hexBytes(creationCode))];
  return addressFromBytes(keccak256(concatBytes(...parts)).subarray(12));
}

/** The address of what a contract creates itself (EIP-161: its first creation has nonce 1), up to 127. */
export function createAddress(creator: string, nonce: number): string {
  // RLP of a list of 20 bytes and one number below 128.
  const rlp = concatBytes(Uint8Array.of(0xd6, 0x94), hexBytes(creator), Uint8Array.of(nonce));
  return addressFromBytes(keccak256(rlp).subarray(12));
}

function saltOf(text: string): Uint8Array {
  return keccak256(utf8(text));
}

function hexBytes(hex: string): Uint8Array {
  const bytes = fromHex(hex);
  if (bytes === undefined) throw new TypeError('not hex');
  return bytes;
}
