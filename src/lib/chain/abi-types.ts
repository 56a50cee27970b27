// What TypeScript can know of a contract from its ABI: nothing of this is left at run time.

export interface AbiParameter {
  readonly name: string;
  readonly type: string;
  readonly components?: readonly AbiParameter[];
}

export interface AbiItem {
  readonly type: string;
  readonly name?: string;
  readonly inputs?: readonly AbiParameter[];
  readonly outputs?: readonly AbiParameter[];
  readonly stateMutability?: string;
}

export type Abi = readonly AbiItem[];

type Functions<A extends Abi> = Extract<A[number], {type: 'function'; name: string}>;
export type FunctionName<A extends Abi> = Functions<A>['name'];
export type ViewName<A extends Abi> = Extract<Functions<A>, {stateMutability: 'view' | 'pure'}>['name'];
export type EventName<A extends Abi> = Extract<A[number], {type: 'event'; name: string}>['name'];

type FunctionOf<A extends Abi, N> = Extract<A[number], {type: 'function'; name: N}>;
type EventOf<A extends Abi, N> = Extract<A[number], {type: 'event'; name: N}>;

/** What a function takes, in order; integers are bigint (small ones may be given as number), bytes `0x…`. */
export type Arguments<A extends Abi, N> =
  FunctionOf<A, N> extends {inputs: infer I extends readonly AbiParameter[]} ? InputTuple<I> : never;

/** What a function gives: the value alone when there is one, else an object by name. */
export type Output<A extends Abi, N> =
  FunctionOf<A, N> extends {outputs: infer O extends readonly AbiParameter[]}
    ? O extends readonly [infer One extends AbiParameter]
      ? OutputValue<One>
      : OutputFields<O>
    : never;

export type EventFields<A extends Abi, N> =
  EventOf<A, N> extends {inputs: infer I extends readonly AbiParameter[]} ? OutputFields<I> : never;

type InputTuple<I extends readonly AbiParameter[]> = {[K in keyof I]: InputValue<I[K]>};
type OutputFields<P extends readonly AbiParameter[]> = {[F in P[number] as F['name']]: OutputValue<F>};

type InputValue<P extends AbiParameter> = P['type'] extends `${infer Item}[]`
  ? readonly InputValue<ItemOf<P, Item>>[]
  : P['type'] extends 'tuple'
    ? P extends {components: infer C extends readonly AbiParameter[]}
      ? {readonly [F in C[number] as F['name']]: InputValue<F>}
      : never
    : P['type'] extends `${'u' | ''}int${string}`
      ? bigint | number
      : Plain<P['type']>;

type OutputValue<P extends AbiParameter> = P['type'] extends `${infer Item}[]`
  ? OutputValue<ItemOf<P, Item>>[]
  : P['type'] extends 'tuple'
    ? P extends {components: infer C extends readonly AbiParameter[]}
      ? OutputFields<C>
      : never
    : P['type'] extends `${'u' | ''}int${string}`
      ? bigint
      : Plain<P['type']>;

/** The parameter of one item of an array. */
interface ItemOf<P extends AbiParameter, Type extends string> extends AbiParameter {
  readonly type: Type;
  readonly components: P extends {components: infer C extends readonly AbiParameter[]} ? C : readonly [];
}

type Plain<T extends string> = T extends 'bool' ? boolean : string;
