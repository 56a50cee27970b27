import {EXIT, QuiverError} from '../../core/errors.ts';
import {TSIG_ALGORITHMS, type TsigAlgorithm, type TsigKey} from '../wire/tsig.ts';

const NAME = /^[\w.-]{1,253}$/;
const BASE64 = /^[A-Za-z0-9+/]{16,}={0,2}$/;

/**
 * A key as `nsupdate -y` takes it (`[hmac-sha256:]name:secret`) or as `tsig-keygen` writes it.
 * Throws the usage error DNS_TSIG_KEY, which never has the secret in it.
 */
export function readTsigKey(text: string): TsigKey {
  const block = /key\s+"?([^"\s{]+)"?\s*\{([^}]*)\}/.exec(text);
  const [algorithm, name, secret] = block === null ? fromLine(text.trim()) : fromBlock(block[1] ?? '', block[2] ?? '');
  const known = TSIG_ALGORITHMS.find((each) => each === algorithm);
  if (known !== undefined && NAME.test(name) && BASE64.test(secret)) {
    return {name: name.replace(/\.$/, '').toLowerCase(), algorithm: known, secret: Buffer.from(secret, 'base64')};
  }
  throw new QuiverError({
    code: 'DNS_TSIG_KEY',
    message:
      known === undefined ? 'The TSIG key is of an algorithm that is not supported' : "The TSIG key can't be read",
    fix: `Write it as name:secret or hmac-sha256:name:secret (${TSIG_ALGORITHMS.join(', ')}); tsig-keygen makes one.`,
    exit: EXIT.usage,
  });
}

function fromLine(line: string): [string, string, string] {
  const parts = line.split(':');
  const [first = '', second = '', third = ''] = parts;
  return parts.length === 2
    ? ['hmac-sha256' satisfies TsigAlgorithm, first, second]
    : [first.toLowerCase(), second, third];
}

function fromBlock(name: string, body: string): [string, string, string] {
  const value = (key: string): string => new RegExp(`${key}\\s+"?([^";\\s]+)"?\\s*;`).exec(body)?.[1] ?? '';
  return [value('algorithm').toLowerCase(), name, value('secret')];
}
