import {createHash, timingSafeEqual} from 'node:crypto';
import type {IncomingMessage} from 'node:http';
import type {Socket} from 'node:net';

import {CidrSet, socketIp} from '../../core/ip-address.ts';
import {createEndpoint, type Endpoint} from '../../stun/endpoint.ts';

const LOOPBACK = new CidrSet(['127.0.0.0/8', '::1/128']);
/** A proxy that we stand behind says in one of them that it is one. */
const PROXY_HEADERS = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via', 'cf-connecting-ip'];
const NOWHERE = new Uint8Array(4);

/** Where a request comes from. */
export interface Caller {
  /** 4 or 16 bytes. */
  bytes: Uint8Array;
  /** From this machine, and not passed on by a proxy on it. */
  local: boolean;
}

/**
 * The caller of a request. Behind a proxy that is trusted, one on this machine or in `proxies`, it is the last address
 * of X-Forwarded-For, which that proxy has added; what stands before it anyone could have written.
 */
export function callerOf(request: IncomingMessage, proxies: CidrSet): Caller {
  const bytes = bytesOf(request.socket.remoteAddress);
  const isHere = LOOPBACK.has(bytes);
  if (!isHere && !proxies.has(bytes)) return {bytes, local: false};
  const passedOn = PROXY_HEADERS.some((name) => request.headers[name] !== undefined);
  const last = String(request.headers['x-forwarded-for'] ?? '')
    .split(',')
    .at(-1)
    ?.trim();
  return {bytes: socketIp(last) ?? bytes, local: isHere && !passedOn};
}

/** Who holds a connection; undefined for this machine and for proxies that are trusted, which hold those of many. */
export function strangerOf(socket: Socket, proxies: CidrSet): Endpoint | undefined {
  const bytes = bytesOf(socket.remoteAddress);
  return LOOPBACK.has(bytes) || proxies.has(bytes) ? undefined : createEndpoint(bytes, socket.remotePort ?? 0);
}

export function isLoopback(host: string): boolean {
  const bytes = socketIp(host);
  return host === 'localhost' || (bytes !== undefined && LOOPBACK.has(bytes));
}

/** Whether a request carries the token (RFC 6750 section 2.1); the time it takes says nothing about the token. */
export function hasToken(request: IncomingMessage, token: string): boolean {
  const [, given] = /^bearer +([\x21-\x7e]{1,512})$/i.exec(request.headers.authorization ?? '') ?? [];
  return given !== undefined && timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function bytesOf(address: string | undefined): Uint8Array {
  return socketIp(address) ?? NOWHERE;
}
