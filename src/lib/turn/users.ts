import {QuiverError} from '../core/errors.ts';
import {readPrivateText} from '../core/private-text.ts';

/** Ten thousand users; more of them want time-limited credentials. */
const FILE_LIMIT_BYTES = 1024 * 1024;
/** USERNAME is shorter than 509 bytes (RFC 8489 section 14.3). */
const USER_LIMIT_BYTES = 508;
const MIN_PASSWORD_CHARACTERS = 8;
const MAX_PASSWORD_CHARACTERS = 256;
/** A name, blanks, a password; neither with blanks or control characters in it. */
const LINE = /^([^\s\p{Cc}]+)[ \t]+([^\s\p{Cc}]+)$/u;

/**
 * Static TURN users and their passwords, from a file (0600) with `name password` a line; `#` starts a comment line.
 * Errors: TURN_USERS_BROKEN, which names the line and shows nothing of it, SECRET_FILE_OPEN, FILE_MISSING …
 */
export async function readUsers(path: string): Promise<ReadonlyMap<string, string>> {
  const text = await readPrivateText(path, FILE_LIMIT_BYTES);
  if (text === undefined) throw missing(path);
  const users = new Map<string, string>();
  for (const [index, line] of text
    .split('\n')
    .map((each) => each.trim())
    .entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const [, user = '', password = ''] = LINE.exec(line) ?? [];
    const fault = user === '' ? 'it is not a name and a password' : faultOf(user, password, users);
    if (fault !== undefined) throw broken(path, index + 1, fault);
    users.set(user, password);
  }
  return users;
}

function faultOf(user: string, password: string, users: ReadonlyMap<string, string>): string | undefined {
  if (users.has(user)) return 'the name stands there twice';
  if (Buffer.byteLength(user) > USER_LIMIT_BYTES) return `the name is longer than ${USER_LIMIT_BYTES} bytes`;
  // Taken for the expiry of a time-limited credential by other servers, coturn among them.
  if (/^\d+:/.test(user)) return 'the name begins with a number and a colon, as time-limited ones do';
  if (password === user) return 'name and password are the same';
  if (password.length < MIN_PASSWORD_CHARACTERS) return `the password is shorter than ${MIN_PASSWORD_CHARACTERS}`;
  if (password.length > MAX_PASSWORD_CHARACTERS) return `the password is longer than ${MAX_PASSWORD_CHARACTERS}`;
  return undefined;
}

function broken(path: string, line: number, fault: string): QuiverError {
  return new QuiverError({
    code: 'TURN_USERS_BROKEN',
    message: `Line ${line} of the TURN users in ${path} can't be used: ${fault}`,
    fix: 'Write a name, a blank and a password; make one with: openssl rand -base64 18',
  });
}

function missing(path: string): QuiverError {
  return new QuiverError({
    code: 'TURN_USERS_MISSING',
    message: `There is no file with TURN users at ${path}`,
    fix: `install -m 600 /dev/null '${path}'   (then write a name, a blank and a password on each line)`,
  });
}
