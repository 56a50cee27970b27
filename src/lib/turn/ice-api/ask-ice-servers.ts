import {QuiverError} from '../../core/errors.ts';
import {controlClient} from '../../service/control-client.ts';
import {fetchIceServers} from '../../stun/fetch-ice-servers.ts';
import {readIceAnswer, type IceAnswer} from '../../stun/ice-server.ts';
import {loadToken} from './token.ts';
import {readUser} from './user.ts';

export interface AskIceServersOptions {
  user: string;
  /** Of an API; where none is given, the process of this profile is asked. */
  url?: string | undefined;
  token?: string | undefined;
  tokenFile?: string | undefined;
  socketPath: string;
  signal: AbortSignal;
}

/** The list of an API, or of the process that runs here. Errors: ICE_USER, ICE_API_MISSING, NOT_RUNNING, ICE_API_…. */
export async function askIceServers(options: AskIceServersOptions): Promise<IceAnswer> {
  const {url, token, tokenFile, socketPath, signal} = options;
  const name = options.user.startsWith('did:') ? 'user_did' : 'user';
  const user = readUser(new URLSearchParams({[name]: options.user}));
  if (url !== undefined) {
    const isLocked = token !== undefined || tokenFile !== undefined;
    return fetchIceServers({
      url,
      user,
      signal,
      ...(isLocked && {token: await loadToken(tokenFile === undefined ? {given: token} : {path: tokenFile})}),
    });
  }
  try {
    return readIceAnswer(
      await controlClient(socketPath).get(`/ice/servers?${name}=${encodeURIComponent(user)}`, signal),
    );
  } catch (error) {
    throw error instanceof QuiverError && error.code === 'NO_SUCH_ROUTE' ? missing(error) : error;
  }
}

function missing(cause: unknown): QuiverError {
  return new QuiverError({
    code: 'ICE_API_MISSING',
    message: 'The process that runs in this profile has no ICE servers API',
    fix: 'Start one: quiver turn start; or name another: --url https://turn.example',
    cause,
  });
}
