import {randomBytes} from 'node:crypto';

import {QuiverError} from '../core/errors.ts';
import {createPrivateFile} from '../core/private-file.ts';
import {readPrivateText} from '../core/private-text.ts';

/** As strong as the HMAC that it keys. */
const GENERATED_BYTES = 32;
/** Whoever has one credential can try secrets at leisure; 16 random characters outlast that. */
const MIN_CHARACTERS = 16;
const MAX_CHARACTERS = 256;
/** The one that is issued with, and the one before it. */
const SECRETS_LIMIT = 2;
const FILE_LIMIT_BYTES = 4 * 1024;
/** Visible ASCII: it has to survive environments, files of one line each, and coturn's configuration. */
const SECRET = /^[\x21-\x7e]+$/;

/**
 * The secrets that TURN servers and the ICE servers API share, the current one first: credentials are issued with that
 * one, and verified with each. Those given (`TURN_AUTH_SECRET`) win; else they are those of the file, which is made
 * with a random one where there is none. Errors: TURN_SECRET_WEAK, TURN_SECRET_BROKEN, SECRET_FILE_OPEN and those of
 * the file system; none of them shows a secret.
 */
export async function loadSecrets(options: {
  given?: readonly string[] | undefined;
  /** One secret a line, 0600. */
  path: string;
}): Promise<readonly string[]> {
  const {given = [], path} = options;
  if (given.length > 0) return check(given, 'TURN_AUTH_SECRET');
  return (await readSecrets(path)) ?? (await createSecret(path));
}

/** Those that stand in a file; undefined when there is none. Errors: as `loadSecrets`. */
export async function readSecrets(path: string): Promise<readonly string[] | undefined> {
  const text = await readPrivateText(path, FILE_LIMIT_BYTES);
  if (text === undefined) return undefined;
  const secrets = text.split('\n').map((line) => line.trim());
  return check(
    secrets.filter((line) => line !== '' && !line.startsWith('#')),
    path,
  );
}

/** Of two processes that start together one makes it, and the other reads what that one made. */
async function createSecret(path: string): Promise<readonly string[]> {
  const secret = randomBytes(GENERATED_BYTES).toString('base64url');
  if (await createPrivateFile(path, `${secret}\n`)) return [secret];
  return (await readSecrets(path)) ?? createSecret(path);
}

function check(secrets: readonly string[], where: string): readonly string[] {
  if (secrets.length === 0 || secrets.length > SECRETS_LIMIT) throw broken(where, `it holds ${secrets.length} secrets`);
  for (const secret of secrets) {
    if (secret.length < MIN_CHARACTERS) throw weak(where);
    if (secret.length > MAX_CHARACTERS) throw broken(where, `one is longer than ${MAX_CHARACTERS} characters`);
    if (!SECRET.test(secret)) throw broken(where, 'one has blanks or characters that are not ASCII');
  }
  return secrets;
}

function weak(where: string): QuiverError {
  return new QuiverError({
    code: 'TURN_SECRET_WEAK',
    message: `The TURN secret of ${where} is shorter than ${MIN_CHARACTERS} characters and could be guessed`,
    fix: 'Make a new one, here and wherever it is shared: openssl rand -base64 32',
  });
}

function broken(where: string, fault: string): QuiverError {
  return new QuiverError({
    code: 'TURN_SECRET_BROKEN',
    message: `The TURN secret of ${where} can't be used: ${fault}`,
    fix: 'Give one secret, or two while one replaces the other, each on its line; make one with: openssl rand -base64 32',
  });
}
