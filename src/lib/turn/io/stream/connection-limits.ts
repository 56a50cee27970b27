import type {Endpoint} from '../../../stun/endpoint.ts';
import {SourceLimiter} from '../../../stun/source-limiter.ts';
import type {StreamLimits} from './stream-options.ts';

/** Sites get a /64, and their hosts change addresses within it as they like (RFC 8981). */
const IPV6_SITE_BYTES = 8;

/** How many connections are open in all and from one IPv4 address or IPv6 /64, and how often such a source comes. */
export class ConnectionLimits {
  readonly #limits: StreamLimits;
  readonly #rate: SourceLimiter;
  readonly #bySource = new Map<string, number>();
  #open = 0;

  constructor(limits: StreamLimits) {
    this.#limits = limits;
    this.#rate = new SourceLimiter({perSecond: limits.acceptsPerSecond, burst: limits.acceptBurst});
  }

  get open(): number {
    return this.#open;
  }

  /** Counts one more; undefined when there are as many as there may be. Call what it gives when the connection is closed. */
  admit(remote: Endpoint, nowMs: number): (() => void) | undefined {
    const {connections, connectionsPerSource} = this.#limits;
    const source = sourceOf(remote);
    const held = this.#bySource.get(source) ?? 0;
    if (this.#open >= connections || held >= connectionsPerSource || !this.#rate.allow(remote, nowMs)) return undefined;
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
