import {readFile} from 'node:fs/promises';

import {replaceFile} from '../core/private-file.ts';
import {QuiverError} from '../core/errors.ts';
import type {Logger} from '../observability/logger.ts';
import {readIceServers, type IceAnswer, type IceServer} from '../stun/ice-server.ts';

export interface ServerApi {
  /** Tells one from another in the cache. */
  name: string;
  ask(signal: AbortSignal): Promise<IceAnswer>;
}

export interface ServerListOptions {
  /** Where own servers come from, asked in turn. */
  apis: readonly ServerApi[];
  /** What signalling has told, or the configuration. */
  known?(): readonly IceServer[];
  /** Public STUN servers, when they are switched on: they see our address. */
  publicStun?: readonly string[];
  /** Holds credentials: made 0600. One file for each profile. */
  cacheFile?: string;
  log?: Logger;
  now?(): number;
}

export interface ServerList {
  servers: IceServer[];
  /** `none`: host candidates are all there is. */
  from: 'api' | 'cache' | 'stale-cache' | 'known' | 'public' | 'none';
  /** Why the API gave nothing. */
  problem?: QuiverError;
}

interface Cached {
  atMs: number;
  untilMs: number;
  apis: readonly string[];
  servers: IceServer[];
}

/** An answer counts for five minutes, or half the life of its credentials. */
const CACHE_MS = 5 * 60_000;
const API_DEADLINE_MS = 3_000;

/** The ICE servers of this host: own ones from an API or a cached answer, public STUN only when switched on. */
export class ServerSource {
  readonly #options: ServerListOptions;
  #cached: Cached | undefined;
  #asking: Promise<ServerList> | undefined;

  constructor(options: ServerListOptions) {
    this.#options = options;
  }

  /** Never fails: an API that is down leaves the list from the cache, if stale, and public servers where allowed. */
  async list(signal: AbortSignal): Promise<ServerList> {
    signal.throwIfAborted();
    this.#asking ??= this.#find().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #find(): Promise<ServerList> {
    const {apis, log} = this.#options;
    const now = this.#now();
    const told = this.#told();
    this.#cached ??= await this.#readCache();
    const cached = this.#cached;
    if (cached !== undefined && now < cached.untilMs && now >= cached.atMs) {
      return this.#complete(merge(cached.servers, told), 'cache');
    }
    let problem: QuiverError | undefined;
    for (const api of apis) {
      try {
        const answer = await api.ask(AbortSignal.timeout(API_DEADLINE_MS));
        const lifeMs = Math.min(CACHE_MS, (answer.ttlMs ?? Number.POSITIVE_INFINITY) / 2);
        this.#cached = {atMs: now, untilMs: now + lifeMs, apis: namesOf(apis), servers: answer.servers};
        await this.#writeCache(this.#cached);
        return this.#complete(merge(answer.servers, told), 'api');
      } catch (error) {
        problem = error instanceof QuiverError ? error : apiDown(api.name, error);
        log?.warn({code: problem.code}, problem.message);
      }
    }
    const why = problem === undefined ? {} : {problem};
    if (told.length > 0) return {...this.#complete(told, 'known'), ...why};
    if (cached !== undefined) return {...this.#complete(cached.servers, 'stale-cache'), ...why};
    return {...this.#complete([], 'none'), ...why};
  }

  /** Public servers come last, and count only for STUN. */
  #complete(own: readonly IceServer[], from: ServerList['from']): ServerList {
    const {publicStun = []} = this.#options;
    if (publicStun.length === 0) return {servers: [...own], from};
    return {servers: merge(own, [{urls: [...publicStun]}]), from: from === 'none' ? 'public' : from};
  }

  async #readCache(): Promise<Cached | undefined> {
    const {cacheFile, apis} = this.#options;
    if (cacheFile === undefined) return undefined;
    try {
      const {atMs, untilMs, apis: of, servers} = JSON.parse(await readFile(cacheFile, 'utf8')) as Cached;
      // Another network's credentials are no use here.
      if (JSON.stringify(of) !== JSON.stringify(namesOf(apis))) return undefined;
      return {atMs, untilMs, apis: of, servers: readIceServers(servers)};
    } catch {
      return undefined;
    }
  }

  async #writeCache(cached: Cached): Promise<void> {
    const {cacheFile, log} = this.#options;
    if (cacheFile === undefined) return;
    try {
      await replaceFile(cacheFile, JSON.stringify(cached));
    } catch (error) {
      log?.warn({error}, 'the list of ICE servers was not kept');
    }
  }

  /** It came over the network: a list that makes no sense is none. */
  #told(): readonly IceServer[] {
    try {
      return this.#options.known?.() ?? [];
    } catch (error) {
      this.#options.log?.warn({error}, 'signalling named ICE servers that make no sense');
      return [];
    }
  }

  #now(): number {
    return this.#options.now?.() ?? Date.now();
  }
}

/** One after the other, without URLs that came before. */
function merge(first: readonly IceServer[], second: readonly IceServer[]): IceServer[] {
  const seen = new Set(first.flatMap(({urls}) => urls));
  const rest = second.map((server) => ({...server, urls: server.urls.filter((url) => !seen.has(url))}));
  return [...first, ...rest.filter(({urls}) => urls.length > 0)];
}

function namesOf(apis: readonly ServerApi[]): string[] {
  return apis.map(({name}) => name);
}

function apiDown(name: string, cause: unknown): QuiverError {
  return new QuiverError({
    code: 'ICE_API_DOWN',
    message: `${name} gives no list of ICE servers`,
    fix: 'Start it (quiver turn start serves it), or name another one; quiver ice servers shows what is known.',
    cause,
  });
}
