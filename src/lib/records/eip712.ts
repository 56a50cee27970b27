import {concatBytes, utf8} from '../core/bytes.ts';
import {keccak256} from '../core/keccak.ts';
import {addressToBytes} from '../core/secp256k1.ts';
import {kinds, type Kind, type KindName, type ValueOf} from './field-kinds.ts';
import {invalidRecord} from './record-error.ts';

/** Where money is: what the EIP-712 domain of every signed struct names, so that no signature counts elsewhere. */
export interface Network {
  /** EIP-155 chain id. */
  chainId: number;
  /** Address of the settlement contract, zero where none is deployed. */
  settlement: string;
}

export const DOMAIN_NAME = 'quiver';
export const DOMAIN_VERSION = '1';
const DOMAIN_TYPE = 'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)';

/** Field names in the order in which they are signed, each with its kind. */
export type Fields = Readonly<Record<string, KindName>>;
export type StructValue<F extends Fields> = {[K in keyof F]: ValueOf<F[K]>};

/** The schema of one signed struct: its EIP-712 type and its field table. */
export interface Struct<F extends Fields> {
  readonly name: string;
  readonly fields: F;
  /** EIP-712 `encodeType`, e.g. `Voucher(bytes32 channelId,uint64 nonce)`. */
  readonly type: string;
  readonly typeHash: Uint8Array;
  /** The table with every kind seen alike; what a kind is given has been read from the same table. */
  readonly entries: readonly (readonly [name: string, kind: Kind<unknown>])[];
}

export function defineStruct<const F extends Fields>(name: string, fields: F): Struct<F> {
  const entries = Object.entries(fields).map(([field, kind]) => [field, kinds[kind] as Kind<unknown>] as const);
  const type = `${name}(${entries.map(([field, kind]) => kind.declare(field)).join(',')})`;
  return {name, fields, type, typeHash: keccak256(utf8(type)), entries};
}

/** EIP-712 `hashStruct`. Throws `RECORD_INVALID` naming the first field that is out of bounds. */
function hashStruct<F extends Fields>(struct: Struct<F>, value: StructValue<F>): Uint8Array {
  const words = struct.entries.reduce((sum, [, kind]) => sum + kind.words, 1);
  const encoded = Buffer.alloc(words * 32);
  encoded.set(struct.typeHash);
  let at = 32;
  for (const [name, kind] of struct.entries) {
    if (!kind.write(value[name], encoded, at)) throw outOfBounds(struct.name, name);
    at += kind.words * 32;
  }
  return keccak256(encoded);
}

/** The EIP-712 digest that is signed: 32 bytes. Throws `RECORD_INVALID` naming what is out of bounds. */
export function structDigest<F extends Fields>(struct: Struct<F>, value: StructValue<F>, network: Network): Uint8Array {
  return keccak256(concatBytes(Uint8Array.of(0x19, 0x01), domainSeparator(network), hashStruct(struct, value)));
}

/** How many domains keep their hash; a node is on one network, an archive may hold receipts of a few. */
const DOMAIN_CACHE_SIZE = 64;
const separators = new Map<string, Uint8Array>();

/** EIP-712 domain separator of a network, 32 bytes. */
export function domainSeparator({chainId, settlement}: Network): Uint8Array {
  const key = `${chainId}/${settlement}`;
  const known = separators.get(key);
  if (known !== undefined) return known;
  const contract = addressToBytes(settlement);
  if (!isChainId(chainId)) throw outOfBounds('network', 'chainId');
  if (contract === undefined) throw outOfBounds('network', 'settlement');
  const tail = new Uint8Array(64);
  new DataView(tail.buffer).setBigUint64(24, BigInt(chainId));
  tail.set(contract, 44);
  const parts = [DOMAIN_TYPE, DOMAIN_NAME, DOMAIN_VERSION].map((text) => keccak256(utf8(text)));
  const separator = keccak256(concatBytes(...parts, tail));
  if (separators.size >= DOMAIN_CACHE_SIZE) separators.clear();
  separators.set(key, separator);
  return separator;
}

export function isChainId(chainId: unknown): chainId is number {
  return Number.isSafeInteger(chainId) && Number(chainId) > 0;
}

export function outOfBounds(record: string, field: string): Error {
  return invalidRecord(record.toLowerCase(), `the field ${field} is missing or out of bounds`);
}
