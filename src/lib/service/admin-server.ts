import {isIPv6} from 'node:net';

import type {HttpFace} from './http-face.ts';
import {explainListenError} from './listen-errors.ts';

export interface AdminAddress {
  /** @example '127.0.0.1' */
  host: string;
  /** 0 for any free one. */
  port: number;
}

/** Makes `face` listen on TCP and returns its URL. Errors: those of `explainListenError`. */
export async function listenOnTcp(face: HttpFace, {host, port}: AdminAddress): Promise<string> {
  try {
    await face.listen({host, port});
  } catch (error) {
    throw await explainListenError(error, {
      transport: 'tcp',
      host,
      port,
      owner: 'the admin server',
      flag: (to) => `--admin-port ${to}`,
      hostFlag: '--admin-host',
      variable: 'QUIVER_ADMIN_PORT',
    });
  }
  return `http://${isIPv6(host) ? `[${host}]` : host}:${face.port}`;
}
