import type {Endpoint} from '../../../stun/endpoint.ts';

/** Sites get a /64, and their hosts change addresses within it as they like (RFC 8981). */
const IPV6_SITE_BYTES = 8;

/** How many connections are open in all and from one IPv4 address or IPv6 /64. */
export class ConnectionLimits {
  readonly #total: number;
  readonly #perSource: number;
  readonly #bySource = new Map<string, number>();
  #open = 0;

  constructor(total: number, perSource: number) {
    this.#total = total;
    this.#perSource = perSource;
  }

  get open(): number {
    return this.#open;
  }

  /** Counts one more; undefined when there are as many as there may be. Call what it gives when the connection is closed. */
  admit(remote: Endpoint): (() => void) | undefined {
    const source = sourceOf(remote);
    const held = this.#bySource.get(source) ?? 0;
    if (this.#open >= this.#total || held >= this.#perSource) return undefined;
    this.#open += 1;
    this.#bySource.set(source, held + 1);
    return () => this.#release(source);
  }

  #release(source: string): void {
    this.#open -= 1;
    const held = (this.#bySource.get(source) ?? 1) - 1;
    if (held === 0) this.#bySource.delete(source);
    else this.#bySource.set(source, held);
  }
}

function sourceOf({family, address, bytes}: Endpoint): string {
  return family === 4 ? address : Buffer.from(bytes.subarray(0, IPV6_SITE_BYTES)).toString('latin1');
}
