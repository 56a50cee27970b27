/** What a source is found by: a number for IPv4, which a map finds faster, a string for IPv6. */
export type SourceKey = number | string;

export const PORTS = 65_536;

/** The words of the address are as this machine reads them, so the key means nothing anywhere else. */
export function sourceKey(bytes: Uint8Array, port: number, scope: number): SourceKey {
  const words = new Uint32Array(Uint8Array.from(bytes).buffer);
  return words.length === 1 ? (words[0] ?? 0) * PORTS + port : [...words, port, scope].join(',');
}

/**
 * A bounded memory of sources: holds between one and two generations, and forgets what was not asked for during a
 * whole one.
 */
export class RecentSources<Value> {
  readonly #generationLimit: number;
  #young = new Map<SourceKey, Value>();
  #old = new Map<SourceKey, Value>();

  constructor(generationLimit: number) {
    this.#generationLimit = generationLimit;
  }

  get(key: SourceKey): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: SourceKey, value: Value): void {
    if (this.#young.size >= this.#generationLimit) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#old.delete(key);
    this.#young.set(key, value);
  }

  delete(key: SourceKey): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}
