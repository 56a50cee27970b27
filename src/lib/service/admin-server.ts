import {isIPv6} from 'node:net';

import {QuiverError} from '../core/errors.ts';
import {describePortHolder} from '../observability/port-holder.ts';
import type {HttpFace} from './http-face.ts';

export interface AdminAddress {
  /** @example '127.0.0.1' */
  host: string;
  /** 0 for any free one. */
  port: number;
}

/** Makes `face` listen on TCP and returns its URL; a taken port is an error that names who holds it. */
export async function listenOnTcp(face: HttpFace, {host, port}: AdminAddress): Promise<string> {
  try {
    await face.listen({host, port});
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EADDRINUSE') throw portTaken(port, await describePortHolder(port), error);
    if (code === 'EACCES') throw portRefused(port, error);
    throw error;
  }
  return `http://${isIPv6(host) ? `[${host}]` : host}:${face.port}`;
}

function portTaken(port: number, holder: string, cause: unknown): QuiverError {
  return new QuiverError({
    code: 'PORT_TAKEN',
    message: `The admin port ${port} is ${holder}`,
    fix: 'Use any free one: --admin-port 0 (with `quiver run`: QUIVER_ADMIN_PORT=0)',
    cause,
  });
}

function portRefused(port: number, cause: unknown): QuiverError {
  return new QuiverError({
    code: 'PORT_REFUSED',
    message: `This user may not open the admin port ${port}`,
    fix: 'Use one above 1023: --admin-port 9090 (with `quiver run`: QUIVER_ADMIN_PORT=9090)',
    cause,
  });
}
