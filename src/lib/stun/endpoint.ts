import {ipText, parseIp} from '../core/ip-address.ts';

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

/** An endpoint of 4 or 16 address bytes, which are copied. */
export function createEndpoint(bytes: Uint8Array, port: number): Endpoint {
  const address = ipText(bytes);
  return {
    family: bytes.length === 4 ? 4 : 6,
    address,
    port,
    bytes: Uint8Array.from(bytes),
    key: endpointText(address, port),
  };
}

/** An endpoint from an address as sockets give it, of which a zone (`fe80::1%eth0`) is left out; undefined if it is none. */
export function parseEndpoint(address: string, port: number): Endpoint | undefined {
  const zone = address.indexOf('%');
  const ip = parseIp(zone === -1 ? address : address.slice(0, zone));
  return ip === undefined ? undefined : createEndpoint(ip.bytes, port);
}

/** `203.0.113.7:3478` or `[2001:db8::7]:3478`. */
export function endpointText(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
