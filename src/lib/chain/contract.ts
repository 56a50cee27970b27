import {Interface, Result, type ParamType} from 'ethers';

import type {Abi} from './abi-types.ts';
import type {BlockTag, CallRequest, Contract, EventOptions, Log, ReadOptions} from './chain.ts';

/** What a bound contract needs of its chain. */
export interface ContractChain {
  call(request: CallRequest, block?: BlockTag): Promise<string>;
  request(method: string, params: readonly unknown[]): Promise<unknown>;
}

/** ABIs are constants, so each is parsed once. */
const interfaces = new WeakMap<Abi, Interface>();

export function interfaceOf(abi: Abi): Interface {
  let known = interfaces.get(abi);
  if (known === undefined) {
    known = new Interface(abi);
    interfaces.set(abi, known);
  }
  return known;
}

/** Binds an ABI to an address; see `Contract`. */
export function bindContract<A extends Abi>(chain: ContractChain, abi: A, address: string): Contract<A> {
  const face = interfaceOf(abi);
  const contract = {
    address,
    interface: face,
    async read(name: string, args: readonly unknown[], {from, block}: ReadOptions = {}) {
      const data = face.encodeFunctionData(name, args);
      const answer = await chain.call({to: address, data, ...(from !== undefined && {from})}, block);
      const outputs = face.getFunction(name)?.outputs ?? [];
      const values = face.decodeFunctionResult(name, answer);
      const [only] = outputs;
      return outputs.length === 1 && only !== undefined ? plain(values[0], only) : fields(values, outputs);
    },
    encode: (name: string, args: readonly unknown[]) => face.encodeFunctionData(name, args),
    async events(name: string, {fromBlock = 0, toBlock, indexed = []}: EventOptions = {}) {
      const topics = face.encodeFilterTopics(name, [...indexed]);
      const range = {fromBlock: quantity(fromBlock), toBlock: toBlock === undefined ? 'latest' : quantity(toBlock)};
      const logs = (await chain.request('eth_getLogs', [{address, topics, ...range}])) as RawLog[];
      return parseLogs(face, name, logs.map(readLog));
    },
    parse: (name: string, logs: readonly Log[]) => {
      return parseLogs(
        face,
        name,
        logs.filter((log) => log.address.toLowerCase() === address.toLowerCase()),
      );
    },
  };
  // The names and arguments were checked against the ABI by the types of whoever calls.
  return contract as unknown as Contract<A>;
}

export function quantity(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

export interface RawLog {
  address: string;
  topics: string[];
  data: string;
  blockNumber: string;
  transactionHash: string;
  logIndex: string;
}

export function readLog(raw: RawLog): Log {
  const {address, topics, data, transactionHash} = raw;
  return {
    address,
    topics,
    data,
    transactionHash,
    blockNumber: Number(raw.blockNumber),
    logIndex: Number(raw.logIndex),
  };
}

function parseLogs(face: Interface, name: string, logs: readonly Log[]): {fields: object; log: Log}[] {
  const event = face.getEvent(name);
  if (event === null) throw new TypeError(`the ABI has no event ${name}`);
  return logs
    .filter(({topics}) => topics[0] === event.topicHash)
    .map((log) => ({
      fields: fields(face.decodeEventLog(event, log.data, log.topics), event.inputs),
      log,
    }));
}

/** ethers' own result is an array with names on it; ours is a plain object. */
function fields(values: Result, params: readonly ParamType[]): Record<string, unknown> {
  return Object.fromEntries(params.map((param, index) => [param.name, plain(values[index], param)]));
}

function plain(value: unknown, param: ParamType): unknown {
  if (!(value instanceof Result)) return value;
  const {arrayChildren, components} = param;
  if (arrayChildren !== null) return [...value].map((item: unknown) => plain(item, arrayChildren));
  return fields(value, components ?? []);
}
