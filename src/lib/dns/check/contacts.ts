import type {Dialler} from '../../probe/dialler.ts';
import {getHealthPage} from '../../probe/health-page.ts';
import {bindStun} from '../../stun/client.ts';
import type {Contact} from './report.ts';
import {ResolverError, type ZoneResolver} from './resolver.ts';

/** A certificate is renewed long before. */
const EXPIRES_SOON_DAYS = 14;

const REFUSED: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ERR_CONNECTION_REFUSED']);
const SILENT: ReadonlySet<string> = new Set(['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'STUN_NO_ANSWER']);

/** `…:error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:../deps/…:77:` */
const OPENSSL = /[\dA-F]+:error:[\dA-F]+:[^:]*:[^:]*:([^:]*):.*/;

/** The zone doesn't say where it is. */
class Unnamed extends Error {}

export interface ContactContext {
  resolver: ZoneResolver;
  dialler: Dialler;
  /** For each contact. */
  timeoutMs: number;
  /** For all of them: aborted when nothing more is to be tried. */
  deadline: AbortSignal;
  signal: AbortSignal;
}

/** A multiaddr, at which the peer has to prove its id. */
export function dial(address: string, {dialler, ...context}: ContactContext): Promise<Contact> {
  return attempt(address, context, async (until) => ({latencyMs: await dialler.dial(address, until)}));
}

/** A STUN or TURN server: both answer a Binding request. */
export function bind(
  {
    scheme,
    host,
    port,
    transport,
  }: {scheme: 'stun' | 'stuns' | 'turn' | 'turns'; host: string; port: number; transport: 'udp' | 'tcp' | 'tls'},
  {resolver, ...context}: ContactContext,
): Promise<Contact> {
  const target = `${scheme}:${host}:${port}${transport === 'tls' ? '' : `?transport=${transport}`}`;
  return attempt(target, context, async (until) => {
    const [address] = await resolver.addresses(host, until);
    if (address === undefined) throw new Unnamed(`${host} has no address`);
    const tls = {servername: host};
    const {rttMs} = await bindStun({
      host: address,
      port,
      transport,
      tls,
      timeoutMs: context.timeoutMs,
      signal: until,
    });
    return {latencyMs: Math.round(rttMs * 10) / 10};
  });
}

/** The health page of an HTTP service. */
export function health(url: URL, {resolver, ...context}: ContactContext): Promise<Contact> {
  return attempt(url.href, context, async (until) => {
    const addresses = await resolver.addresses(url.hostname, until);
    if (addresses.length === 0) throw new Unnamed(`${url.hostname} has no address`);
    const {status, latencyMs, certificate} = await getHealthPage({url, addresses, signal: until});
    if (status !== 200) throw new Error(`answered with status ${status}`);
    if (certificate === undefined) return {latencyMs};
    const {validTo, daysLeft, issuer} = certificate;
    const soon = daysLeft < EXPIRES_SOON_DAYS ? ', which is soon' : '';
    return {latencyMs, detail: `certificate of ${issuer} until ${validTo.toISOString().slice(0, 10)}${soon}`};
  });
}

async function attempt(
  target: string,
  {signal, timeoutMs, deadline}: Pick<ContactContext, 'signal' | 'timeoutMs' | 'deadline'>,
  run: (signal: AbortSignal) => Promise<Omit<Contact, 'target' | 'result'>>,
): Promise<Contact> {
  if (deadline.aborted) return {target, result: 'failed', detail: 'not tried, as the check took too long'};
  const late = AbortSignal.timeout(timeoutMs);
  try {
    return {target, result: 'ok', ...(await run(AbortSignal.any([signal, late])))};
  } catch (error) {
    signal.throwIfAborted();
    const result = resultOf(error, late.aborted);
    const detail =
      result === 'refused' ? 'refused' : late.aborted ? `no answer in ${timeoutMs / 1_000} s` : wordsOf(error);
    return {target, result, detail};
  }
}

function resultOf(error: unknown, isLate: boolean): Contact['result'] {
  if (error instanceof Unnamed) return 'unnamed';
  if (error instanceof ResolverError) return 'failed';
  const codes = [...codesOf(error)];
  if (codes.some((code) => REFUSED.has(code))) return 'refused';
  return isLate || codes.some((code) => SILENT.has(code)) ? 'silent' : 'failed';
}

/** Of the error and of what caused it. */
function* codesOf(error: unknown): Generator<string> {
  if (!(error instanceof Error)) return;
  if ('code' in error) yield String(error.code);
  // libp2p puts the system's error into words.
  const [code] = /\bE[A-Z]{4,}\b/.exec(error.message) ?? [];
  if (code !== undefined) yield code;
  if (error instanceof AggregateError) for (const each of error.errors) yield* codesOf(each);
  yield* codesOf(error.cause);
}

/** A line; of what OpenSSL says the reason alone. */
function wordsOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return wordsOf(error.errors[0]);
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return line.replace(OPENSSL, 'TLS: $1');
}
