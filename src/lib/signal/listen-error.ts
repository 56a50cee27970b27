import {QuiverError} from '../core/errors.ts';
import {describePortHolder} from '../observability/port-holder.ts';

/** Why the port could not be opened, with what moves it. */
export async function explainListenError(error: unknown, host: string, port: number): Promise<unknown> {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return new QuiverError({
      code: 'PORT_TAKEN',
      message: `The signalling port ${port} is ${await describePortHolder(port)}`,
      fix: 'Use any free one: --port 0 (with `quiver run`: QUIVER_SIGNAL_PORT=0)',
      cause: error,
    });
  }
  if (code === 'EACCES') {
    return new QuiverError({
      code: 'PORT_REFUSED',
      message: `This user may not open port ${port}`,
      fix: 'Use one above 1023: --port 8081 (with `quiver run`: QUIVER_SIGNAL_PORT=8081)',
      cause: error,
    });
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new QuiverError({
      code: 'HOST_NOT_HERE',
      message: `Signalling can't listen on ${host}: this machine has no such address`,
      fix: 'See which it has: ip address',
      cause: error,
    });
  }
  return error;
}
