/** How often something happened, by name; the names are our own, so it does not grow. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  get entries(): Iterable<readonly [string, number]> {
    return this.#counts.entries();
  }
}

/** What a hub counts, for metrics. */
export class HubStats {
  /** Messages from clients that were well-formed, by type. */
  readonly received = new Tally();
  /** Of these, what went on to another peer, by type. */
  readonly relayed = new Tally();
  /** By error code, or reason of closing. */
  readonly refused = new Tally();
}
