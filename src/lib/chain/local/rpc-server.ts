import type {Logger} from '../../observability/logger.ts';
import {HttpFace} from '../../service/http-face.ts';
import {explainListenError} from '../../service/listen-errors.ts';
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

/** Serves a local chain's JSON-RPC on loopback. Throws PORT_IN_USE or PORT_NOT_ALLOWED. */
export async function serveRpc({chain, port, version, log, stopping}: RpcServerOptions): Promise<RpcServer> {
  const routes = new RouteTable([jsonRpcRoute((method, params) => chain.request(method, params), log)]);
  const face = new HttpFace({access: 'admin', routes, version, log, stopping, listenHost: HOST});
  try {
    await face.listen({host: HOST, port});
  } catch (error) {
    throw await explainListenError(error, {
      transport: 'tcp',
      host: HOST,
      port,
      owner: 'the local chain',
      flag: (to) => `--port ${to}`,
    });
  }
  return {url: `http://${HOST}:${face.port}`, port: face.port, close: () => face.close()};
}
