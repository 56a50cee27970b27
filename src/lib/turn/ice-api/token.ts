import {QuiverError} from '../../core/errors.ts';
import {readPrivateText} from '../../core/private-text.ts';

const FILE_LIMIT_BYTES = 4 * 1024;
/** Long enough that nobody guesses it, however many requests a second they make. */
const MIN_CHARACTERS = 32;
const MAX_CHARACTERS = 512;

/**
 * The bearer token of the ICE servers API: the one given (`QUIVER_ICE_TOKEN`), else that of the file (0600).
 * Errors: ICE_TOKEN_WEAK, ICE_TOKEN_MISSING, SECRET_FILE_OPEN; none of them shows it.
 */
export async function loadToken(options: {given?: string | undefined; path?: string | undefined}): Promise<string> {
  const {given, path} = options;
  const token = given ?? (path === undefined ? undefined : await readPrivateText(path, FILE_LIMIT_BYTES))?.trim();
  if (token === undefined) throw missing(path);
  if (!/^[\x21-\x7e]+$/.test(token) || token.length < MIN_CHARACTERS || token.length > MAX_CHARACTERS) throw weak();
  return token;
}

function missing(path: string | undefined): QuiverError {
  return new QuiverError({
    code: 'ICE_TOKEN_MISSING',
    message: path === undefined ? 'No token for the ICE servers API was given' : `There is no token in ${path}`,
    fix: `(umask 077 && openssl rand -hex 32 > '${path ?? 'ice.token'}')`,
  });
}

function weak(): QuiverError {
  return new QuiverError({
    code: 'ICE_TOKEN_WEAK',
    message: `The token of the ICE servers API is no single word of ${MIN_CHARACTERS} to ${MAX_CHARACTERS} characters`,
    fix: 'Make one with: openssl rand -hex 32',
  });
}
