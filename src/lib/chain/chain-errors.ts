import {EXIT, QuiverError} from '../core/errors.ts';

/** A JSON-RPC server understood the request and refused it. */
export class RpcRefusal extends Error {
  override readonly name = 'RpcRefusal';
  readonly rpcCode: number;
  /** What a reverted call returned, `0x…`; undefined when it is about something else. */
  readonly revertData: string | undefined;

  constructor(rpcCode: number, message: string, revertData?: string) {
    super(message);
    this.rpcCode = rpcCode;
    this.revertData = revertData;
  }
}

export function unreachable(chainName: string, problems: readonly string[], local: boolean): QuiverError {
  return new QuiverError({
    code: 'CHAIN_UNREACHABLE',
    message: `No RPC server of ${chainName} answered: ${problems.join('; ')}`,
    fix: local
      ? 'Start the local chain: quiver up   (or: quiver chain start)'
      : 'Check the connection, or name another server: --rpc-url https://…   (also: RPC_URL)',
  });
}

export function wrongChain(chainName: string, wanted: number, found: readonly string[]): QuiverError {
  return new QuiverError({
    code: 'CHAIN_WRONG_ID',
    message: `${found.join('; ')}, while ${chainName} is chain ${wanted}. Nothing was signed`,
    fix: 'Name a server of the right chain with --rpc-url, or choose the profile of that chain with --profile.',
    exit: EXIT.refused,
  });
}

export function noServers(chainName: string): QuiverError {
  return new QuiverError({
    code: 'CHAIN_NO_SERVER',
    message: `No RPC server is known for ${chainName}`,
    fix: 'Name one: --rpc-url https://…   (also: RPC_URL)',
    exit: EXIT.usage,
  });
}

/** The server's own words for what has no better explanation. */
export function refused(method: string, refusal: RpcRefusal): QuiverError {
  return new QuiverError({
    code: 'CHAIN_REFUSED',
    message: `The RPC server refused ${method}: ${refusal.message}`,
    fix: 'Try again, or another server: --rpc-url https://…',
    cause: refusal,
  });
}
