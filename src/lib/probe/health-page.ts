import {request as httpRequest, type IncomingMessage, type RequestOptions} from 'node:http';
import {request as httpsRequest} from 'node:https';
import type {LookupFunction} from 'node:net';
import {isIPv6} from 'node:net';
import {TLSSocket} from 'node:tls';

const MS_PER_DAY = 86_400_000;

export interface HealthPage {
  status: number;
  /** From the first byte sent to the answer's head. */
  latencyMs: number;
  /** Of the server's certificate; undefined without TLS. */
  certificate?: {issuer: string; validTo: Date; daysLeft: number};
}

export interface HealthPageOptions {
  url: URL;
  /** Where its host is, when the system's resolver is not to be asked. */
  addresses?: readonly string[];
  signal: AbortSignal;
}

/**
 * Gets a page and looks at the certificate of its server. Rejects with what the connection failed of: a system error
 * (ECONNREFUSED, …) or a TLS one (CERT_HAS_EXPIRED, …).
 */
export async function getHealthPage({url, addresses, signal}: HealthPageOptions): Promise<HealthPage> {
  const start = performance.now();
  const {response, certificate} = await new Promise<{
    response: IncomingMessage;
    certificate?: HealthPage['certificate'];
  }>((resolve, reject) => {
    const options: RequestOptions = {
      method: 'GET',
      headers: {accept: 'application/json, text/plain', 'user-agent': 'quiver'},
      signal,
      agent: false,
      ...(addresses !== undefined && addresses.length > 0 && {lookup: fixedLookup(addresses)}),
    };
    const request = url.protocol === 'https:' ? httpsRequest(url, options) : httpRequest(url, options);
    request.once('response', (answer) => {
      const found = answer.socket instanceof TLSSocket ? certificateOf(answer.socket) : undefined;
      resolve({response: answer, ...(found !== undefined && {certificate: found})});
    });
    request.once('error', reject);
    request.end();
  });
  const latencyMs = Math.round((performance.now() - start) * 10) / 10;
  // What it says is of no interest, and could be endless; nor is how it ends.
  response.on('error', () => {});
  response.destroy();
  return {status: response.statusCode ?? 0, latencyMs, ...(certificate !== undefined && {certificate})};
}

function certificateOf(socket: TLSSocket): NonNullable<HealthPage['certificate']> {
  const {issuer, valid_to: until} = socket.getPeerCertificate();
  const validTo = new Date(until);
  const name = issuer.O ?? issuer.CN ?? '';
  return {issuer: String(name), validTo, daysLeft: Math.floor((validTo.getTime() - Date.now()) / MS_PER_DAY)};
}

function fixedLookup(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({address, family: isIPv6(address) ? 6 : 4}));
  return (_host, options, callback) => {
    const [first] = found;
    if (options.all === true) callback(null, found);
    else if (first !== undefined) callback(null, first.address, first.family);
  };
}
