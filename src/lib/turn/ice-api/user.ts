import {EXIT, QuiverError} from '../../core/errors.ts';

/** A DID of any method in use; with the expiry before it far from the 508 bytes that a USERNAME may have. */
const USER_LIMIT_CHARACTERS = 256;
/** DIDs (W3C DID core, section 3.1) and what else services know users by; nothing that needs quoting anywhere. */
const USER = /^[A-Za-z0-9._:%@+=/~-]+$/;
const DID = /^did:[a-z0-9]+:[A-Za-z0-9._:%-]*[A-Za-z0-9._%-]$/;

/**
 * Whom a request wants credentials for: `user_did`, which is a DID, or `user`, which may be any name.
 * Errors: ICE_USER.
 */
export function readUser(query: URLSearchParams): string {
  const dids = query.getAll('user_did');
  const users = query.getAll('user');
  const user = dids[0] ?? users[0];
  if (user === undefined) throw wrongUser('the request names no user');
  if (dids.length + users.length > 1) throw wrongUser('the request names more than one user');
  if (user.length > USER_LIMIT_CHARACTERS)
    throw wrongUser(`the user has more than ${USER_LIMIT_CHARACTERS} characters`);
  if (!USER.test(user)) throw wrongUser('the user has characters that are in no name');
  if (dids.length > 0 && !DID.test(user)) throw wrongUser('user_did is no DID');
  return user;
}

function wrongUser(fault: string): QuiverError {
  return new QuiverError({
    code: 'ICE_USER',
    message: `No credentials: ${fault}`,
    fix: 'Name the user once: ?user_did=did:peers:alice, or ?user=alice',
    exit: EXIT.usage,
  });
}
