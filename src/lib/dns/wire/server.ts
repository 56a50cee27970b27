import {isIP} from 'node:net';

import {EXIT, QuiverError} from '../../core/errors.ts';

const DNS_PORT = 53;
const MAX_PORT = 65_535;
const HOST_AND_PORT = /^(?:\[([^\]]+)\]|([^[\]:]+))(?::(\d{1,5}))?$/;

/** Where a DNS server listens. */
export interface DnsServer {
  host: string;
  port: number;
}

/** `192.0.2.53`, `ns1.quiver.example:5353`, `2001:db8::53` or `[2001:db8::53]:5353`. Throws the usage error DNS_FIELD. */
export function readDnsServer(text: string, field: string): DnsServer {
  // The system's list has IPv6 addresses without brackets, and zones behind them.
  if (isIP(text) !== 0) return {host: text, port: DNS_PORT};
  const [, six, name, digits] = HOST_AND_PORT.exec(text.trim()) ?? [];
  const host = six === undefined ? name : isIP(six) === 6 ? six : undefined;
  const port = digits === undefined ? DNS_PORT : Number(digits);
  if (host !== undefined && port > 0 && port <= MAX_PORT) return {host, port};
  throw new QuiverError({
    code: 'DNS_FIELD',
    message: `${field}: "${text}" is not a server`,
    fix: 'Write 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353',
    exit: EXIT.usage,
  });
}
