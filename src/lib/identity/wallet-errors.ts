import {EXIT, QuiverError} from '../core/errors.ts';

export function walletName(name: string): QuiverError {
  return new QuiverError({
    code: 'WALLET_NAME',
    message: `"${name}" cannot be the name of a wallet`,
    fix: 'Use up to 32 of a-z, 0-9 and "-", beginning with a letter or digit, e.g. savings.',
    exit: EXIT.usage,
  });
}

export function walletMissing(name: string): QuiverError {
  return new QuiverError({
    code: 'WALLET_MISSING',
    message: `There is no wallet named ${name} yet`,
    fix: `quiver wallet create ${name}   (or bring a key: quiver wallet import ${name} --file KEY)`,
  });
}

export function walletExists(name: string, path: string): QuiverError {
  return new QuiverError({
    code: 'WALLET_EXISTS',
    message: `There is a wallet named ${name} already (${path}); it is never overwritten`,
    fix: `Take another name: quiver wallet create ${name}-2`,
  });
}

export function wrongPassword(path: string, cause: unknown): QuiverError {
  return new QuiverError({
    code: 'WALLET_PASSWORD',
    message: `The password does not open ${path}`,
    fix: 'Try again. A lost password cannot be recovered; the key can only come from a backup of its own.',
    exit: EXIT.refused,
    cause,
  });
}

export function weakPassword(leastLength: number): QuiverError {
  return new QuiverError({
    code: 'WALLET_PASSWORD_SHORT',
    message: `The password has to have at least ${leastLength} characters`,
    fix: 'Take several words that nobody would guess together.',
    exit: EXIT.usage,
  });
}

/** Never with anything of what was given: it may be a key with one digit missing. */
export function notAKey(): QuiverError {
  return new QuiverError({
    code: 'WALLET_IMPORT',
    message: 'What was given is neither a private key (64 hexadecimal digits) nor a keystore file of version 3',
    fix: 'quiver wallet import --file KEYSTORE.json   (or: quiver wallet import < KEY)',
    exit: EXIT.usage,
  });
}
