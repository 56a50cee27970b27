import type Cloudflare from 'cloudflare';
import type {RecordBatchParams, RecordResponse} from 'cloudflare/resources/dns/records.js';

import {EXIT, QuiverError} from '../../core/errors.ts';
import {recordSet, setKey, type RecordSet} from '../model/record-set.ts';
import {cloudflareContent, fromCloudflare} from '../write/cloudflare-record.ts';
import {applyChanges} from './apply-changes.ts';
import type {Change, DnsProvider} from './provider.ts';

/** Changes in one batch, which is all or nothing; what the free plan takes. */
const MAX_BATCH = 200;
const PER_PAGE = 5_000;
/** Of a request that was refused for its rate or failed in between; the client waits as long as it is told. */
const MAX_RETRIES = 6;
const TIMEOUT_MS = 30_000;
/** Means automatic, which it is behind the proxy. */
const AUTOMATIC_TTL = 1;
/** In these it answers by its name; the rest has none. */
const NO_PERMISSION: ReadonlySet<number> = new Set([400, 401, 403]);

type Fetch = NonNullable<NonNullable<ConstructorParameters<typeof Cloudflare>[0]>['fetch']>;

/** Zones at Cloudflare, through its own client. The token needs the right to edit DNS of the zone. */
export class CloudflareProvider implements DnsProvider {
  readonly name = 'cloudflare';
  readonly #token: string;
  readonly #fetch: Fetch | undefined;
  #client: Promise<Cloudflare> | undefined;

  constructor(token: string, fetch?: Fetch) {
    this.#token = token;
    this.#fetch = fetch;
  }

  /** It makes the HTTPS records of proxied names itself, and their TTL is automatic. */
  prepare(sets: readonly RecordSet[]): RecordSet[] {
    const proxied = new Set(sets.filter((set) => set.proxied).map(({name}) => name));
    return sets
      .filter(({name, type}) => !(type === 'HTTPS' && proxied.has(name)))
      .map((set) => (set.proxied ? {...set, ttlSeconds: AUTOMATIC_TTL} : set));
  }

  async read(zone: string, signal: AbortSignal): Promise<RecordSet[]> {
    return toSets(await this.#list(await this.#zoneId(zone, signal), signal));
  }

  /** In transactions of up to 200 records, each after a look at whether the sets are still as they were. */
  async apply(zone: string, changes: readonly Change[], signal: AbortSignal): Promise<void> {
    const zoneId = await this.#zoneId(zone, signal);
    const records = await this.#list(zoneId, signal);
    applyChanges(toSets(records), changes);
    const bySet = Map.groupBy(records, keyOf);
    for (const part of inParts(changes)) {
      const body = {zone_id: zoneId, ...batch(part, bySet)};
      await this.#call(signal, (client, options) => client.dns.records.batch(body as RecordBatchParams, options));
    }
  }

  async #list(zoneId: string, signal: AbortSignal): Promise<RecordResponse[]> {
    return this.#call(signal, async (client, options) => {
      const found: RecordResponse[] = [];
      for await (const record of client.dns.records.list({zone_id: zoneId, per_page: PER_PAGE}, options))
        found.push(record);
      return found;
    });
  }

  async #zoneId(zone: string, signal: AbortSignal): Promise<string> {
    const {result} = await this.#call(signal, (client, options) => client.zones.list({name: zone}, options));
    const [found] = result;
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
    try {
      return await call(await this.#client, {signal});
    } catch (error) {
      signal.throwIfAborted();
      throw explained(error);
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
      timeout: TIMEOUT_MS,
      ...(this.#fetch !== undefined && {fetch: this.#fetch}),
    });
  }
}

function keyOf({name, type}: RecordResponse): string {
  return setKey({name: name.toLowerCase(), type});
}

function toSets(records: readonly RecordResponse[]): RecordSet[] {
  return [...Map.groupBy(records, keyOf).values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const ttl = Math.min(...group.map((record) => record.ttl));
    const proxied = group.some((record) => record.proxied);
    return [recordSet(first.name.toLowerCase(), first.type, ttl, group.map(fromCloudflare), proxied)];
  });
}

/** Only what differs goes and comes, so that comments on the other records stay. */
function batch(
  changes: readonly Change[],
  bySet: ReadonlyMap<string, readonly RecordResponse[]>,
): {deletes: object[]; patches: object[]; posts: object[]} {
  const operations = changes.map(({before, after}) => {
    const existing = before === undefined ? [] : (bySet.get(setKey(before)) ?? []);
    const stays = (record: RecordResponse): boolean => after?.values.includes(fromCloudflare(record)) ?? false;
    const settled = before?.ttlSeconds === after?.ttlSeconds && before?.proxied === after?.proxied;
    const added = after?.values.filter((value) => before?.values.includes(value) !== true) ?? [];
    return {
      deletes: existing.filter((record) => !stays(record)).map(({id}) => ({id})),
      patches: settled
        ? []
        : existing.filter(stays).map(({id}) => ({id, ttl: after?.ttlSeconds, proxied: after?.proxied})),
      posts: after === undefined ? [] : added.map((value) => toApi(after, value)),
    };
  });
  return {
    deletes: operations.flatMap(({deletes}) => deletes),
    patches: operations.flatMap(({patches}) => patches),
    posts: operations.flatMap(({posts}) => posts),
  };
}

function toApi({name, type, ttlSeconds, proxied}: RecordSet, value: string): object {
  return {name, type, ttl: ttlSeconds, ...(proxied && {proxied}), ...cloudflareContent(type, value)};
}

/** Together as many as a batch takes; the sets of one name stay in one, so that no name is half there. */
function inParts(changes: readonly Change[]): Change[][] {
  const parts: Change[][] = [];
  let size = Infinity;
  for (const group of Map.groupBy(changes, ({before, after}) => (after ?? before)?.name).values()) {
    const count = group.reduce(
      (sum, {before, after}) => sum + (before?.values.length ?? 0) + (after?.values.length ?? 0),
      0,
    );
    if (size + count > MAX_BATCH) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1)?.push(...group);
    size += count;
  }
  return parts;
}

/** The client's errors have a status; their text can hold what was sent, but never the token. */
function explained(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof QuiverError) return error;
  const status = 'status' in error && typeof error.status === 'number' ? error.status : undefined;
  const [line = ''] = error.message.split('\n');
  if (status === undefined) {
    const message = `Cloudflare can't be reached: ${line}`;
    return new QuiverError({
      code: 'DNS_UNREACHABLE',
      message,
      fix: 'Check the connection, then run it again.',
      cause: error,
    });
  }
  if (status === 429) {
    const message = 'Cloudflare takes no more requests for now (429)';
    return new QuiverError({
      code: 'DNS_RATE',
      message,
      fix: 'Run it again in five minutes: it goes on where it stopped.',
      cause: error,
    });
  }
  return new QuiverError({
    code: NO_PERMISSION.has(status) ? 'DNS_REFUSED' : 'DNS_PROVIDER',
    message: `Cloudflare refused: ${line}`,
    fix: NO_PERMISSION.has(status)
      ? 'Check CLOUDFLARE_API_TOKEN: it needs "Zone.DNS: Edit" and "Zone: Read" for the zone.'
      : 'Run it again: it goes on where it stopped.',
    exit: NO_PERMISSION.has(status) ? EXIT.refused : EXIT.failed,
    cause: error,
  });
}
