/** An address and port as the servers compare it: canonical, immutable, the same object for the same packet source. */
export interface Endpoint {
  readonly family: 4 | 6;
  /** Canonical text, without brackets or zone: `203.0.113.7`, `2001:db8::7`. */
  readonly address: string;
  readonly port: number;
  /** Network order, 4 or 16 bytes. */
  readonly bytes: Uint8Array;
  /** Unique for address and port: what maps are keyed by. */
  readonly key: string;
}
