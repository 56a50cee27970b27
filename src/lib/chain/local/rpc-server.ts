import {QuiverError} from '../../core/errors.ts';
import type {Logger} from '../../observability/logger.ts';
import {describePortHolder} from '../../observability/port-holder.ts';
import {HttpFace} from '../../service/http-face.ts';
import {RouteTable} from '../../service/routes.ts';
import {jsonRpcRoute} from './json-rpc.ts';
import type {LocalChain} from './local-chain.ts';

/** Whoever reaches it can spend what its accounts have, so it is never open to other machines. */
const HOST = '127.0.0.1';

export interface RpcServerOptions {
  chain: Pick<LocalChain, 'request'>;
  /** 0 for any free one. */
  port: number;
  version: string;
  log: Logger;
  stopping: AbortSignal;
}

export interface RpcServer {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Serves a local chain's JSON-RPC on loopback. Throws PORT_TAKEN. */
export async function serveRpc({chain, port, version, log, stopping}: RpcServerOptions): Promise<RpcServer> {
  const routes = new RouteTable([jsonRpcRoute((method, params) => chain.request(method, params), log)]);
  const face = new HttpFace({access: 'admin', routes, version, log, stopping, listenHost: HOST});
  try {
    await face.listen({host: HOST, port});
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error;
    throw new QuiverError({
      code: 'PORT_TAKEN',
      message: `The port ${port} of the local chain is ${await describePortHolder(port)}`,
      fix: `Use another one: quiver chain start --port ${port + 1}; or any free one: --port 0`,
      cause: error,
    });
  }
  return {url: `http://${HOST}:${face.port}`, port: face.port, close: () => face.close()};
}
