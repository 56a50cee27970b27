import {pause} from '../core/pause.ts';
import {parseIceUrl, type IceServer} from '../stun/ice-server.ts';
import {bindStun} from '../stun/client.ts';
import {connectServer, type ServerAddress} from '../stun/wire.ts';
import type {PathServers} from './path-types.ts';
import type {TurnRoute} from './turn-route.ts';

export interface ServerChoiceOptions {
  /** The list as it is now, own servers first. */
  servers(signal: AbortSignal): Promise<readonly IceServer[]>;
  /** How long it is remembered what passes. @default 60000 */
  rememberMs?: number;
}

const REMEMBER_MS = 60_000;
/** Several connections may lose their path at once. */
const FRESH_MS = 1_000;
/** UDP that has not answered by then, after three requests, is taken for blocked. */
const UDP_PATIENCE_MS = 1_500;
/** TCP and TLS begin this much later: mostly UDP has answered by then. */
const STREAM_DELAY_MS = 400;
const STREAM_PATIENCE_MS = 4_000;
const TURN_LIMIT = 2;
/** A longer list is of no use. */
const PROBES_LIMIT = 8;

interface Memory {
  key: string;
  atMs: number;
  found: Promise<PathServers>;
}

/**
 * Says which STUN and TURN servers a path should use, and how: TURN over UDP where that passes, else over TCP, else over
 * TLS. It asks them, because an ICE agent waits long for servers that can't be reached.
 */
export class ServerChoice {
  readonly #options: ServerChoiceOptions;
  #memory: Memory | undefined;

  constructor(options: ServerChoiceOptions) {
    this.#options = options;
  }

  /** Never rejects but by the signal: without servers there are still host candidates. */
  async find(signal: AbortSignal, fresh = false): Promise<PathServers> {
    const list = await this.#options.servers(signal);
    const key = JSON.stringify(list);
    const {rememberMs = REMEMBER_MS} = this.#options;
    const ageMs = performance.now() - (this.#memory?.atMs ?? 0);
    if (this.#memory?.key !== key || ageMs > (fresh ? FRESH_MS : rememberMs)) {
      // Others wait for the same probes, and must not be stopped by who came first.
      const found = chooseServers(list, AbortSignal.timeout(UDP_PATIENCE_MS + STREAM_PATIENCE_MS));
      this.#memory = {key, atMs: performance.now(), found};
    }
    const {found} = this.#memory;
    const answer = await found;
    if (answer.turn.length === 0 && answer.stun === undefined && list.length > 0) this.#memory = undefined;
    signal.throwIfAborted();
    return answer;
  }
}

/** Asks the servers of a list, and chooses. */
export async function chooseServers(list: readonly IceServer[], signal: AbortSignal): Promise<PathServers> {
  const stun = stunAddresses(list);
  const routes = turnRoutes(list);
  const udp = routes.filter(({transport}) => transport === 'udp').slice(0, PROBES_LIMIT);
  const streams = [
    ...routes.filter(({transport}) => transport === 'tcp'),
    ...routes.filter(({transport}) => transport === 'tls'),
  ].slice(0, PROBES_LIMIT);
  const stop = new AbortController();
  const until = AbortSignal.any([signal, stop.signal]);
  const stunFound = firstOf(stun.slice(0, PROBES_LIMIT), (server) => answersUdp(server, until), 1);
  const udpFound = firstOf(udp, (route) => answersUdp(route, until), TURN_LIMIT);
  // Of the streams one is enough, and the order is the preference: TCP costs less than TLS.
  const streamFound = pause(udp.length === 0 ? 0 : STREAM_DELAY_MS).then(() =>
    firstOf(streams, (route) => connects(route, until), 1),
  );
  try {
    const overUdp = await udpFound;
    const turn = overUdp.length > 0 ? overUdp : await streamFound;
    const [first] = await stunFound;
    return {...(first !== undefined && {stun: {host: first.host, port: first.port}}), turn};
  } finally {
    stop.abort();
    await streamFound;
  }
}

/** Every TURN server of a list in every way that it names, in the order of the list. */
export function turnRoutes(list: readonly IceServer[]): TurnRoute[] {
  return list.flatMap(({urls, username, credential}) =>
    urls.flatMap((text): TurnRoute[] => {
      const url = parseIceUrl(text);
      if (url === undefined || username === undefined || credential === undefined) return [];
      const {scheme, host, port, transport} = url;
      if (scheme === 'turn') return [{host, port, transport, username, credential}];
      // DTLS is nothing that we speak.
      return scheme === 'turns' && transport === 'tcp' ? [{host, port, transport: 'tls', username, credential}] : [];
    }),
  );
}

/** The STUN servers of a list over UDP. */
export function stunAddresses(list: readonly IceServer[]): ServerAddress[] {
  const urls = list.flatMap((server) => server.urls).map((text) => parseIceUrl(text));
  const plain = urls.filter((url) => url?.scheme === 'stun');
  return plain.flatMap((url) =>
    url === undefined ? [] : [{host: url.host, port: url.port, transport: 'udp' as const}],
  );
}

/** The first `count` in order of the list that pass, without waiting for those behind them longer than needed. */
async function firstOf<T>(items: readonly T[], passes: (item: T) => Promise<boolean>, count: number): Promise<T[]> {
  const verdicts = items.map((item) => passes(item));
  const found: T[] = [];
  for (const [index, item] of items.entries()) {
    if (await verdicts[index]) found.push(item);
    if (found.length === count) break;
  }
  return found;
}

async function answersUdp({host, port}: {host: string; port: number}, signal: AbortSignal): Promise<boolean> {
  try {
    await bindStun({host, port, timeoutMs: UDP_PATIENCE_MS, signal});
    return true;
  } catch {
    return false;
  }
}

async function connects(route: TurnRoute, signal: AbortSignal): Promise<boolean> {
  try {
    const options = {signal, connectDeadlineMs: STREAM_PATIENCE_MS};
    (await connectServer(route, options)).destroy();
    return true;
  } catch {
    return false;
  }
}
