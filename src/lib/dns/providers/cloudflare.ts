import {once} from 'node:events';

import type Cloudflare from 'cloudflare';
import type {RecordResponse} from 'cloudflare/resources/dns/records.js';

import {EXIT, QuiverError, type ExitCode} from '../../core/errors.ts';
import {MASK} from '../../core/mask.ts';
import {toRecordSets, type RecordSet} from '../model/record-set.ts';
import {forCloudflare, fromCloudflare} from '../write/cloudflare-record.ts';
import {applyChanges, areCarriedOut} from './apply-changes.ts';
import {inBatches, toBatches, type Batch} from './cloudflare-batch.ts';
import type {Change, DnsProvider} from './provider.ts';

const PER_PAGE = 5_000;
/** Of a request that was refused for its rate or failed in between; the client waits as long as it is told. */
const MAX_RETRIES = 6;
/** For a whole answer, which can be a page of 5,000 records. */
const TIMEOUT_MS = 30_000;
/** What one waits for at a terminal; Cloudflare's limits are of five minutes. */
const MAX_WAIT_SECONDS = 60;
/** No plan of Cloudflare's has as many: an answer that never ends. */
const MAX_RECORDS = 500_000;
const NO_PERMISSION: ReadonlySet<number> = new Set([401, 403]);
/** Codes of an answer 400 that means the token (developers.cloudflare.com/api, troubleshooting). */
const BAD_TOKEN: ReadonlySet<number> = new Set([6_003, 6_111, 9_106, 9_109, 10_000, 10_001]);
/** The plan of the zone has no room for another record. */
const QUOTA = 81_045;

/** Errors after which a change may have been made, or not. */
const UNSURE: ReadonlySet<string> = new Set(['DNS_UNREACHABLE', 'DNS_PROVIDER']);

type Fetch = NonNullable<NonNullable<ConstructorParameters<typeof Cloudflare>[0]>['fetch']>;

/** Zones at Cloudflare, through its own client. The token needs the right to edit DNS of the zone. */
export class CloudflareProvider implements DnsProvider {
  readonly name = 'cloudflare';
  readonly #token: string;
  readonly #send: Fetch;
  readonly #timeoutMs: number;
  #client: Promise<Cloudflare> | undefined;

  /** @param timeoutMs Of each request and its whole answer. */
  constructor(token: string, send: Fetch = fetch, timeoutMs = TIMEOUT_MS) {
    this.#token = token;
    this.#send = send;
    this.#timeoutMs = timeoutMs;
  }

  prepare(sets: readonly RecordSet[]): RecordSet[] {
    return forCloudflare(sets);
  }

  async read(zone: string, signal: AbortSignal): Promise<RecordSet[]> {
    return toSets(await this.#list(await this.#zoneId(zone, signal), signal));
  }

  /**
   * In transactions of up to 200 records. Cloudflare knows no prerequisites: right before each the sets are looked at
   * once more.
   */
  async apply(zone: string, changes: readonly Change[], signal: AbortSignal): Promise<void> {
    const zoneId = await this.#zoneId(zone, signal);
    let records = await this.#list(zoneId, signal);
    for (const [index, group] of inBatches(changes, records).entries()) {
      if (index > 0) records = await this.#list(zoneId, signal);
      applyChanges(toSets(records), group);
      await this.#change(zoneId, group, toBatches(group, records), signal);
    }
  }

  /** A batch whose answer got lost was carried out all the same. */
  async #change(zoneId: string, changes: readonly Change[], batches: readonly Batch[], signal: AbortSignal) {
    try {
      for (const batch of batches) {
        await this.#call(signal, (client, options) => client.dns.records.batch({zone_id: zoneId, ...batch}, options));
      }
    } catch (error) {
      if (!(error instanceof QuiverError) || !UNSURE.has(error.code)) throw error;
      const records = await this.#list(zoneId, signal).catch(() => undefined);
      if (records === undefined || !areCarriedOut(changes, toSets(records))) throw error;
    }
  }

  async #list(zoneId: string, signal: AbortSignal): Promise<RecordResponse[]> {
    return this.#call(signal, async (client, options) => {
      const found: RecordResponse[] = [];
      for await (const record of client.dns.records.list({zone_id: zoneId, per_page: PER_PAGE}, options)) {
        if (found.length === MAX_RECORDS || !isRecord(record)) throw unreadable();
        found.push(record);
      }
      return found;
    });
  }

  async #zoneId(zone: string, signal: AbortSignal): Promise<string> {
    const {result} = await this.#call(signal, (client, options) => client.zones.list({name: zone}, options));
    // Another account may have begun to add the same zone.
    if (!Array.isArray(result) || !result.every((each) => typeof each?.id === 'string')) throw unreadable();
    const found = result.find(({status}) => status === 'active') ?? result[0];
    if (found !== undefined) return found.id;
    throw new QuiverError({
      code: 'DNS_NO_ZONE',
      message: `This account of Cloudflare has no zone ${zone}, or the token may not see it`,
      fix: `Add the zone there, or make a token with "Zone.DNS: Edit" for ${zone}`,
      exit: EXIT.refused,
    });
  }

  async #call<T>(
    signal: AbortSignal,
    call: (client: Cloudflare, options: {signal: AbortSignal}) => PromiseLike<T>,
  ): Promise<T> {
    this.#client ??= this.#open();
    // The client's waits between two tries know no signal.
    signal.throwIfAborted();
    const done = new AbortController();
    const aborted = once(signal, 'abort', {signal: done.signal}).then((): never => {
      throw signal.reason;
    });
    aborted.catch(() => {});
    try {
      return await Promise.race([call(await this.#client, {signal}), aborted]);
    } catch (error) {
      signal.throwIfAborted();
      throw explained(error, this.#token);
    } finally {
      done.abort();
    }
  }

  async #open(): Promise<Cloudflare> {
    const {default: Client} = await import('cloudflare');
    return new Client({
      apiToken: this.#token,
      // Other ways to log in would be taken from the environment.
      apiKey: null,
      apiEmail: null,
      maxRetries: MAX_RETRIES,
      timeout: this.#timeoutMs,
      fetch: patient(this.#send, this.#timeoutMs),
    });
  }
}

/** The client's own deadline ends with the head of an answer, and it waits a day when it is told to. */
function patient(send: Fetch, timeoutMs: number): Fetch {
  return async (input, init = {}) => {
    const late = AbortSignal.timeout(timeoutMs);
    const answer = await send(input, {...init, signal: init.signal ? AbortSignal.any([init.signal, late]) : late});
    if (!(Number(answer.headers.get('retry-after')) > MAX_WAIT_SECONDS)) return answer;
    const headers = new Headers(answer.headers);
    headers.set('x-should-retry', 'false');
    return new Response(answer.body, {status: answer.status, headers});
  };
}

function toSets(records: readonly RecordResponse[]): RecordSet[] {
  return toRecordSets(
    records.map((record) => ({
      name: record.name.toLowerCase(),
      type: record.type,
      ttlSeconds: record.ttl,
      value: fromCloudflare(record),
      proxied: record.proxied ?? false,
    })),
  );
}

/** Whoever stands between may answer for Cloudflare, with a page to log in for instance. */
function unreadable(): QuiverError {
  return new QuiverError({
    code: 'DNS_PROVIDER',
    message: "What answers is not Cloudflare's API, or not as this version knows it",
    fix: 'Look at what answers: curl -i https://api.cloudflare.com/client/v4/ips',
  });
}

function isRecord(record: Partial<RecordResponse> | null): boolean {
  return (
    [record?.id, record?.name, record?.type].every((text) => typeof text === 'string') &&
    typeof record?.ttl === 'number'
  );
}

/** What the client threw, as an error that says what to do; never with the token in it. */
function explained(error: unknown, token: string): unknown {
  if (!(error instanceof Error) || error instanceof QuiverError) return error;
  const status = 'status' in error && typeof error.status === 'number' ? error.status : undefined;
  // Whoever answers may repeat what it was told.
  const line = (error.message.split('\n')[0] ?? '').replaceAll(token, MASK);
  const codes = codesOf(error);
  const say = (code: string, message: string, fix: string, exit: ExitCode = EXIT.failed): QuiverError =>
    new QuiverError({code, message, fix, exit, cause: error});
  if (status === undefined) {
    return say('DNS_UNREACHABLE', `Cloudflare can't be reached: ${line}`, 'Check the connection, then run it again.');
  }
  if (status === 429) {
    const fix = 'Run it again in five minutes: it goes on where it stopped.';
    return say('DNS_RATE', 'Cloudflare takes no more requests for now (429)', fix);
  }
  if (codes.includes(QUOTA)) {
    const fix = 'Publish fewer nodes, or take a plan of Cloudflare with more records.';
    return say('DNS_QUOTA', 'The zone has as many records as its plan at Cloudflare allows', fix, EXIT.refused);
  }
  if (NO_PERMISSION.has(status) || codes.some((code) => BAD_TOKEN.has(code))) {
    const fix = 'Check CLOUDFLARE_API_TOKEN: it needs "Zone.DNS: Edit" and "Zone: Read" for the zone.';
    return say('DNS_REFUSED', `Cloudflare refused: ${line}`, fix, EXIT.refused);
  }
  return say('DNS_PROVIDER', `Cloudflare refused: ${line}`, 'Run it again: it goes on where it stopped.');
}

/** Cloudflare's own numbers of what was wrong. */
function codesOf(error: Error): number[] {
  const errors: unknown = 'errors' in error ? error.errors : undefined;
  if (!Array.isArray(errors)) return [];
  return errors.map((each: {code?: unknown} | null) => Number(each?.code));
}
