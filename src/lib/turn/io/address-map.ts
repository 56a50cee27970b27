/**
 * Values by address and port, looked up for every datagram: two maps cost a quarter of what joining both to one string
 * does.
 */
export class AddressMap<Value> {
  readonly #byPort = new Map<number, Map<string, Value>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(address: string, port: number): Value | undefined {
    return this.#byPort.get(port)?.get(address);
  }

  set(address: string, port: number, value: Value): void {
    let byAddress = this.#byPort.get(port);
    if (byAddress === undefined) this.#byPort.set(port, (byAddress = new Map<string, Value>()));
    const before = byAddress.size;
    byAddress.set(address, value);
    this.#size += byAddress.size - before;
  }

  delete(address: string, port: number): void {
    const byAddress = this.#byPort.get(port);
    if (byAddress?.delete(address) !== true) return;
    this.#size -= 1;
    if (byAddress.size === 0) this.#byPort.delete(port);
  }

  *values(): Generator<Value> {
    for (const byAddress of this.#byPort.values()) yield* byAddress.values();
  }
}

/**
 * A bounded memory of what strangers make us look up: holds between one and two generations; what wasn't asked for
 * during a whole one is forgotten. Neither a list to keep in order nor a sweep, both of which cost something for every
 * datagram.
 */
export class RecentAddresses<Value> {
  readonly #generationLimit: number;
  #young = new AddressMap<Value>();
  #old = new AddressMap<Value>();

  constructor(generationLimit: number) {
    this.#generationLimit = generationLimit;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(address: string, port: number): Value | undefined {
    const young = this.#young.get(address, port);
    if (young !== undefined) return young;
    const old = this.#old.get(address, port);
    if (old === undefined) return undefined;
    this.#old.delete(address, port);
    this.set(address, port, old);
    return old;
  }

  set(address: string, port: number, value: Value): void {
    if (this.#young.size >= this.#generationLimit) {
      this.#old = this.#young;
      this.#young = new AddressMap();
    }
    this.#young.set(address, port, value);
  }

  delete(address: string, port: number): void {
    this.#young.delete(address, port);
    this.#old.delete(address, port);
  }
}
