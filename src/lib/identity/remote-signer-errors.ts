import {EXIT, QuiverError} from '../core/errors.ts';

export function remoteSignerDown(url: string, method: string, cause: unknown): QuiverError {
  const timedOut = cause instanceof Error && cause.name === 'TimeoutError';
  return new QuiverError({
    code: 'REMOTE_SIGNER_DOWN',
    message: `The remote signer at ${url} ${timedOut ? 'did not answer in time' : 'cannot be reached'} (${method})`,
    fix: `curl ${url} -H 'content-type: application/json' -d '{"jsonrpc":"2.0","id":1,"method":"eth_accounts","params":[]}'`,
    cause,
  });
}

export function remoteSignerAccount(url: string, accounts: readonly string[], wanted?: string): QuiverError {
  const has = accounts.length === 0 ? 'no account' : `${accounts.length} accounts`;
  return new QuiverError({
    code: 'REMOTE_SIGNER_ACCOUNT',
    message: `The remote signer at ${url} has ${wanted === undefined ? has : `no key for ${wanted}`}`,
    fix:
      accounts.length === 0
        ? 'Give it a key; it is asked for its accounts with eth_accounts.'
        : `quiver config set wallet.remote_address ${accounts[0]}`,
    exit: EXIT.usage,
  });
}

export function remoteSignerAnswer(url: string, fault: string, cause?: unknown): QuiverError {
  return new QuiverError({
    code: 'REMOTE_SIGNER_ANSWER',
    message: `The remote signer at ${url} cannot be used: ${fault}`,
    fix: 'Look into its log; nothing was sent.',
    exit: EXIT.refused,
    cause,
  });
}
