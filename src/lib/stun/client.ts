import {lookup} from 'node:dns/promises';
import type {ConnectionOptions} from 'node:tls';

import {QuiverError} from '../core/errors.ts';
import {parseIp} from '../core/ip-address.ts';

import {noAnswer, noSuchHost, notStun, refused, unreachable} from './client-errors.ts';
import type {Endpoint} from './endpoint.ts';
import {createEndpoint, endpointText, parseEndpoint} from './endpoint.ts';
import {askOverStream} from './stream-client.ts';
import {PATIENCE_MS, UdpClient} from './udp-client.ts';
import type {Answer} from './udp-client.ts';

export interface StunServer {
  /** A name, or an address without brackets. */
  host: string;
  port: number;
}

export interface BindOptions extends StunServer {
  /** @default 'udp' */
  transport?: 'udp' | 'tcp' | 'tls';
  /** @default whichever the name resolves to first */
  family?: 4 | 6;
  /** For TLS: a certificate authority of one's own, for instance. */
  tls?: Pick<ConnectionOptions, 'ca' | 'servername'>;
  /** For everything: name, connection and answer. @default 39500, as RFC 8489 section 6.2.1 has it */
  timeoutMs?: number;
  signal: AbortSignal;
}

export interface StunBinding {
  /** How the server sees this host: its public address, and a port on it. */
  mapped: Endpoint;
  /** What the host itself used. The same as `mapped` where there is no NAT. */
  local: Endpoint;
  /** Another address and port of the server, if it speaks RFC 5780. */
  otherAddress?: Endpoint;
  /** ms, without the time to connect. */
  rttMs: number;
}

/**
 * Asks a STUN server how it sees this host (RFC 8489). An answer counts only from the address that was asked, with the
 * id of the request. Throws STUN_HOST_UNKNOWN, STUN_UNREACHABLE, STUN_NO_ANSWER, STUN_NOT_STUN or STUN_REFUSED, and the
 * reason of `signal`.
 */
export async function bindStun(options: BindOptions): Promise<StunBinding> {
  const {host, port, transport = 'udp', family, timeoutMs = PATIENCE_MS, signal} = options;
  const waitSeconds = Math.min(timeoutMs, PATIENCE_MS) / 1000;
  const where = `${transport} ${endpointText(host, port)}`;
  signal.throwIfAborted();
  const late = AbortSignal.timeout(timeoutMs);
  const until = AbortSignal.any([signal, late]);
  try {
    const to = await resolveServer({host, port}, family, until);
    const answer =
      transport === 'udp' ? await askOverUdp(to, until) : await askOverStream(to, streamOptions(options, until));
    signal.throwIfAborted();
    if (answer === undefined) throw transport === 'udp' || late.aborted ? noAnswer(where, waitSeconds) : notStun(where);
    const {result, rttMs, local} = answer;
    if (!result.ok) throw refused(where, result.code);
    const {mapped, otherAddress} = result;
    return {mapped, local, rttMs, ...(otherAddress !== undefined && {otherAddress})};
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof QuiverError) throw error;
    if (late.aborted) throw noAnswer(where, waitSeconds);
    throw unreachable(where, error);
  }
}

/** The first address of a server, of one family if given. Throws STUN_HOST_UNKNOWN, and the reason of `until`. */
export async function resolveServer(
  {host, port}: StunServer,
  family: 4 | 6 | undefined,
  until: AbortSignal,
): Promise<Endpoint> {
  const ip = parseIp(host);
  if (ip !== undefined && (family ?? ip.family) !== ip.family) throw noSuchHost(host, family, undefined);
  if (ip !== undefined) return createEndpoint(ip.bytes, port);
  const found = lookup(host, {family: family ?? 0}).then(
    ({address}) => parseEndpoint(address, port),
    (cause: unknown) => {
      throw noSuchHost(host, family, cause);
    },
  );
  const endpoint = await orAborted(found, until);
  if (endpoint === undefined) throw noSuchHost(host, family, undefined);
  return endpoint;
}

async function askOverUdp(to: Endpoint, until: AbortSignal): Promise<(Answer & {local: Endpoint}) | undefined> {
  using client = await UdpClient.open(to, {connected: true});
  const answer = await client.ask(to, {until});
  return answer && {...answer, local: client.local};
}

function streamOptions({transport, host, tls}: BindOptions, until: AbortSignal) {
  if (transport === 'tcp') return {until};
  // A name is verified against the certificate; an address can't be a server name (RFC 6066 section 3).
  const servername = parseIp(host) === undefined ? {servername: host} : {};
  return {until, tls: {...servername, ...tls}};
}

/** The system's resolver can't be told to stop; its answer comes to nothing then. */
async function orAborted<T>(work: Promise<T>, until: AbortSignal): Promise<T> {
  work.catch(() => undefined);
  until.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(until.reason);
  until.addEventListener('abort', onAbort, {once: true});
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    until.removeEventListener('abort', onAbort);
  }
}
