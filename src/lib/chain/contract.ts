import {Interface, Result, type EventFragment, type ParamType} from 'ethers';

import {QuiverError} from '../core/errors.ts';
import type {Abi} from './abi-types.ts';
import {badAnswer, bytesOf, fieldsOf, listOf} from './answers.ts';
import type {CallRequest, Contract, EventOptions} from './chain.ts';

/** What a bound contract needs of its chain. */
export interface ContractChain {
  call(request: CallRequest): Promise<string>;
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
    async read(name: string, args: readonly unknown[]) {
      const answer = await chain.call({to: address, data: face.encodeFunctionData(name, args)});
      return understood(answer === '0x' ? `${name} (nothing is deployed at ${address})` : name, () => {
        const outputs = face.getFunction(name)?.outputs ?? [];
        const values = face.decodeFunctionResult(name, answer);
        const [only] = outputs;
        return outputs.length === 1 && only !== undefined ? plain(values[0], only) : fields(values, outputs);
      });
    },
    encode: (name: string, args: readonly unknown[]) => face.encodeFunctionData(name, args),
    async events(name: string, {fromBlock = 0, toBlock, indexed = []}: EventOptions = {}) {
      const event = face.getEvent(name);
      if (event === null) throw new TypeError(`the ABI has no event ${name}`);
      const topics = face.encodeFilterTopics(name, [...indexed]);
      const range = {fromBlock: quantity(fromBlock), toBlock: toBlock === undefined ? 'latest' : quantity(toBlock)};
      const logs = listOf('eth_getLogs', await chain.request('eth_getLogs', [{address, topics, ...range}]));
      return logs.map((log) => understood('eth_getLogs', () => eventFields(face, event, log)));
    },
  };
  // The names and arguments were checked against the ABI by the types of whoever calls.
  return contract as unknown as Contract<A>;
}

export function quantity(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

function eventFields(face: Interface, event: EventFragment, log: unknown): Record<string, unknown> {
  const raw = fieldsOf('eth_getLogs', log);
  const topics = listOf('eth_getLogs', raw.get('topics')).map((topic) => bytesOf('eth_getLogs', topic));
  return fields(face.decodeEventLog(event, bytesOf('eth_getLogs', raw.get('data')), topics), event.inputs);
}

/** What a server answered may be anything; ethers then fails at once or as late as a value is taken out. */
function understood<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof QuiverError ? error : badAnswer(what, error);
  }
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
