import type {IncomingMessage} from 'node:http';

import type {CidrSet} from '../core/ip-address.ts';
import {socketIp} from '../core/ip-address.ts';

/** What one home or one server has of IPv6. */
const SUBSCRIBER_BYTES = 8;

/** Who a caller is for the limits: its IPv4 address or its IPv6 /64, as hex. */
export function sourceOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.length === 16 ? bytes.subarray(0, SUBSCRIBER_BYTES) : bytes).toString('hex');
}

/**
 * The address that a request comes from, 4 or 16 bytes. Behind a proxy that is trusted it is the last address of
 * X-Forwarded-For, which that proxy has added; what stands before it anyone could have written.
 */
export function addressOf(request: IncomingMessage, proxies: CidrSet): Uint8Array {
  const direct = bytesOf(request.socket.remoteAddress ?? '');
  if (!proxies.has(direct)) return direct;
  const last = String(request.headers['x-forwarded-for'] ?? '')
    .split(',')
    .at(-1);
  return socketIp(last?.trim()) ?? direct;
}

/** Bytes of an address as sockets give it; 0.0.0.0 for what is none. */
export function bytesOf(address: string): Uint8Array {
  return socketIp(address) ?? new Uint8Array(4);
}
