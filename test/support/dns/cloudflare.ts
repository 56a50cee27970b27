import {randomUUID} from 'node:crypto';

import type {RecordBatchParams, RecordResponse} from 'cloudflare/resources/dns/records.js';
import type {Zone} from 'cloudflare/resources/zones/zones.js';

/** As much of a record as the API checks and gives back, in the client's own shape. */
type Stored = Pick<RecordResponse, 'id' | 'name' | 'type' | 'ttl'> & {
  proxied: boolean;
  content?: string;
  priority?: number;
  data?: unknown;
};

const MAX_BATCH = 200;
const PAGE = 100;
const PROXIABLE = new Set(['A', 'AAAA', 'CNAME']);

/**
 * A stateful stand-in for the part of Cloudflare's API that zones are changed by, given to the real client as its
 * `fetch`: batches are all or nothing, CNAMEs stand alone, nothing is there twice, rates are limited.
 */
export class FakeCloudflare {
  readonly token = 'cf-secret-token';
  readonly zone: Pick<Zone, 'id' | 'name'>;
  records: Stored[] = [];
  readonly requests: string[] = [];
  /** Answers of the next requests to change something, before any is carried out. */
  failures: (() => Response)[] = [];
  /** Told before each batch is looked at: what others do between our look and our change. */
  beforeBatch: () => void = () => {};
  /** So many batches are carried out without an answer. */
  lostAnswers = 0;
  /** Told after each batch. */
  onBatch: () => void = () => {};
  /** The zone is in another account too, which has only begun to add it. */
  pendingFirst = false;

  constructor(name: string) {
    this.zone = {id: randomUUID().replaceAll('-', ''), name};
  }

  add(record: Partial<Stored> & Pick<Stored, 'name' | 'type'>): void {
    this.records.push({id: randomUUID(), ttl: 300, proxied: false, ...record});
  }

  readonly fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    const url = new URL(request.url);
    const path = url.pathname.replace('/client/v4', '');
    this.requests.push(`${request.method} ${path}`);
    if (request.headers.get('authorization') !== `Bearer ${this.token}`)
      return failed(401, 10_000, 'Authentication error');
    if (path === '/zones') {
      const known = [
        ...(this.pendingFirst ? [{...this.zone, id: 'pending', status: 'pending'}] : []),
        {...this.zone, status: 'active'},
      ];
      const match = url.searchParams.get('name') === this.zone.name ? known : [];
      return ok(match, {page: 1, per_page: 20, total_pages: 1, count: match.length, total_count: match.length});
    }
    if (path === `/zones/${this.zone.id}/dns_records`) return this.#list(Number(url.searchParams.get('page') ?? 1));
    if (path === `/zones/${this.zone.id}/dns_records/batch`) {
      const failure = this.failures.shift();
      if (failure !== undefined) return failure();
      this.beforeBatch();
      const answer = this.#batch((await request.json()) as RecordBatchParams);
      this.lostAnswers -= 1;
      if (this.lostAnswers >= 0) throw new TypeError('terminated');
      return answer;
    }
    return failed(404, 7_003, `Could not route to ${path}`);
  };

  #list(page: number): Response {
    const from = (page - 1) * PAGE;
    const part = this.records.slice(from, from + PAGE);
    const total = this.records.length;
    return ok(part, {
      page,
      per_page: PAGE,
      count: part.length,
      total_count: total,
      total_pages: Math.ceil(total / PAGE),
    });
  }

  /** Deletes, then patches, then posts, as the API's reference says; on a copy, which stands when all went well. */
  #batch({deletes = [], patches = [], posts = []}: RecordBatchParams): Response {
    if (deletes.length + patches.length + posts.length > MAX_BATCH) return failed(400, 81_051, 'Batch is too large');
    let next = this.records;
    for (const {id} of deletes) {
      if (!next.some((record) => record.id === id)) return failed(404, 81_044, 'Record does not exist');
      next = next.filter((record) => record.id !== id);
    }
    for (const patch of patches) {
      if (!next.some((record) => record.id === patch.id)) return failed(404, 81_044, 'Record does not exist');
      next = next.map((record) => (record.id === patch.id ? {...record, ...patch} : record));
    }
    for (const post of posts) {
      const record = {id: randomUUID(), proxied: false, ...post} as Stored;
      if (record.proxied && !PROXIABLE.has(record.type))
        return failed(400, 9_004, 'This record type cannot be proxied');
      if (!Number.isInteger(record.ttl) || (record.ttl !== 1 && record.ttl < 60))
        return failed(400, 9_021, 'Invalid TTL');
      const same = next.filter(({name}) => name === record.name);
      if (same.some(({type}) => (type === 'CNAME') !== (record.type === 'CNAME'))) {
        return failed(400, 81_053, 'An A, AAAA, or CNAME record with that host already exists.');
      }
      if (same.some((each) => fingerprint(each) === fingerprint(record))) {
        return failed(400, 81_058, 'An identical record already exists.');
      }
      next = [...next, record];
    }
    this.records = next;
    this.onBatch();
    return ok({deletes, patches, posts, puts: []});
  }
}

/** Too many requests; the client is to wait as long as it says. */
export function rateLimited(): Response {
  const response = failed(429, 10_429, 'Rate limited');
  response.headers.set('retry-after-ms', '20');
  return response;
}

export function failed(status: number, code: number, message: string): Response {
  return Response.json({success: false, errors: [{code, message}], messages: [], result: null}, {status});
}

function ok(result: unknown, info?: object): Response {
  return Response.json({
    success: true,
    errors: [],
    messages: [],
    result,
    ...(info !== undefined && {result_info: info}),
  });
}

function fingerprint({name, type, content, data}: Stored): string {
  return JSON.stringify([name, type, content, data]);
}
