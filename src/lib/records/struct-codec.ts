import {addressToBytes} from '../core/secp256k1.ts';
import {isChainId, outOfBounds} from './eip712.ts';
import type {Fields, Network, Struct, StructValue} from './eip712.ts';
import {kinds} from './field-kinds.ts';
import type {JsonField, Kind, Wire} from './field-kinds.ts';

/** What protobuf holds of a network. */
export interface WireNetwork {
  chainId: bigint;
  settlement: Uint8Array;
}

/** The fields of a struct as its protobuf message holds them; the names are the same. */
export function structToWire<F extends Fields>(struct: Struct<F>, value: StructValue<F>): Record<string, Wire> {
  return Object.fromEntries(struct.entries.map(([name, kind]) => [name, kind.toWire(value[name])]));
}

/** The other way. Throws `RECORD_INVALID` naming the first field that is out of bounds. */
export function structFromWire<F extends Fields>(struct: Struct<F>, message: object): StructValue<F> {
  return readStruct(struct, (name, kind) => {
    const value = Reflect.get(message, name) as Wire | undefined;
    return value === undefined ? undefined : kind.fromWire(value);
  });
}

/** The fields of a struct as JSON: bytes as `0x` hex, integers past 32 bits as decimal strings, times in ms. */
export function structToJson<F extends Fields>(struct: Struct<F>, value: StructValue<F>): Record<string, JsonField> {
  return Object.fromEntries(struct.entries.map(([name, kind]) => [name, kind.toJson(value[name])]));
}

/** The other way. Throws `RECORD_INVALID` naming the first field that is missing or out of bounds. */
export function structFromJson<F extends Fields>(struct: Struct<F>, json: object): StructValue<F> {
  const fields = new Map<string, unknown>(Object.entries(json));
  return readStruct(struct, (name, kind) => kind.fromJson(fields.get(name)));
}

function readStruct<F extends Fields>(
  struct: Struct<F>,
  read: (name: string, kind: Kind<unknown>) => unknown,
): StructValue<F> {
  const entries = struct.entries.map(([name, kind]): [string, unknown] => {
    const value = read(name, kind);
    if (value === undefined) throw outOfBounds(struct.name, name);
    return [name, value];
  });
  return Object.fromEntries(entries) as StructValue<F>;
}

export function networkToWire(network: Network): WireNetwork {
  const settlement = addressToBytes(network.settlement);
  if (settlement === undefined) throw outOfBounds('network', 'settlement');
  if (!isChainId(network.chainId)) throw outOfBounds('network', 'chainId');
  return {
    chainId: BigInt(network.chainId),
    settlement: settlement.every((byte) => byte === 0) ? new Uint8Array(0) : settlement,
  };
}

/** Throws `RECORD_INVALID` when the chain id or the contract's address is out of bounds. */
export function networkFromWire(record: string, wire: WireNetwork): Network {
  const chainId = Number(wire.chainId);
  const settlement = kinds.address.fromWire(wire.settlement);
  if (!isChainId(chainId)) throw outOfBounds(record, 'chain_id');
  if (settlement === undefined) throw outOfBounds(record, 'settlement');
  return {chainId, settlement};
}

/** Whether two networks are one, however their addresses are spelt. */
export function sameNetwork(a: Network, b: Network): boolean {
  return a.chainId === b.chainId && sameAddress(a.settlement, b.settlement);
}

/** Whether two addresses are one, in whatever case they are written. */
export function sameAddress(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase() && addressToBytes(a) !== undefined;
}
