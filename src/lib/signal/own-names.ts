import {X509Certificate} from 'node:crypto';
import {isIPv6} from 'node:net';

import {interfaceAddresses, isWildcard} from '../core/interface-addresses.ts';
import {audienceOf} from './protocol.ts';

/**
 * `host:port` under which a server can be called, as far as it can know: what it listens on, what its operator says,
 * and the names in its certificate.
 */
export function ownNames(
  listening: {host: string; port: number},
  publicUrls: readonly string[],
  certificate?: {cert: string},
): string[] {
  const {host, port} = listening;
  const hosts = [
    host,
    ...(isWildcard(host) ? [...callableAddresses(), 'localhost'] : []),
    ...(host === '127.0.0.1' || host === '::1' ? ['localhost'] : []),
    ...(certificate === undefined ? [] : certifiedNames(certificate.cert)),
  ];
  const names = publicUrls.flatMap((text) => {
    const url = URL.parse(text);
    return url === null ? [] : [audienceOf(url)];
  });
  return [...new Set([...hosts.map((name) => `${isIPv6(name) ? `[${name}]` : name}:${port}`), ...names])];
}

/** At which others can call this machine; link-local ones need a zone, which no URL has. */
export function callableAddresses(): string[] {
  return interfaceAddresses().filter((address) => !address.startsWith('fe80'));
}

/** RFC 5280 section 4.2.1.6, as Node writes it: `DNS:a.example, IP Address:192.0.2.1`. */
function certifiedNames(cert: string): string[] {
  const names = new X509Certificate(cert).subjectAltName ?? '';
  return [...names.matchAll(/(?:DNS|IP Address):([\w.:-]{1,253})/g)].map(([, name = '']) => name.toLowerCase());
}
