import {randomUUID} from 'node:crypto';

import type {RedisClientType} from '@redis/client';

import type {Logger} from '../observability/logger.ts';
import {withDeadline} from '../service/deadline.ts';
import type {SignalHub} from './hub.ts';
import {readRemoteMember, readToldEvent, writeToldEvent} from './room-bus.ts';
import type {RemoteMember, RoomBus, RoomEvent, ToldEvent} from './room-bus.ts';

/** A start, and a join, wait no longer for Redis than this. */
const START_DEADLINE_MS = 2_000;
const ENTER_DEADLINE_MS = 1_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** A Redis that holds the connection and says nothing is found out by pings. */
const PING_INTERVAL_MS = 5_000;
const SILENCE_LIMIT_MS = 15_000;
const RETRY_LIMIT_MS = 5_000;
const HEARTBEAT_MS = 5_000;
/** A server that has not said for so long that it lives is dead, and its peers with it. */
const LIFE_MS = 15_000;
/** Rooms that all servers have left without a word. */
const ROOM_LIFE_MS = 60_000;
/** Commands that wait for Redis; beyond, they fail. */
const COMMANDS_LIMIT = 20_000;
/** Events of a room while somebody is entering it. */
const HELD_LIMIT = 1_024;

export interface RedisBusOptions {
  /** `redis://…` or `rediss://…`; may hold a password, and is never logged. */
  url: string;
  /** Servers with the same one share their rooms. */
  protocol: string;
  hub: SignalHub;
  log: Logger;
  /** @default 5 s */
  heartbeatMs?: number;
  /** @default 15 s */
  lifeMs?: number;
}

/** A room that we follow: who is entering it, and what has come since for them. */
interface Followed {
  subscribed: Promise<unknown>;
  entering: number;
  held: ToldEvent[];
}

/**
 * Shares rooms with other servers through Redis: events by publish and subscribe, members in a hash for each room, and
 * a key for each server that expires when it dies. While Redis is away each server goes on with its own peers.
 */
export class RedisBus implements RoomBus {
  readonly #options: RedisBusOptions;
  readonly #id = randomUUID();
  readonly #commands: RedisClientType;
  readonly #events: RedisClientType;
  readonly #followed = new Map<string, Followed>();
  /** Other servers of which we know members. */
  readonly #others = new Set<string>();
  readonly #heartbeat: NodeJS.Timeout;
  #connected = false;
  #stopped = false;

  /** Resolves when Redis answers, or after two seconds without it. */
  static async open(options: RedisBusOptions): Promise<RedisBus> {
    const {createClient} = await import('@redis/client');
    const commands: RedisClientType = createClient({
      url: options.url,
      disableOfflineQueue: true,
      commandsQueueMaxLength: COMMANDS_LIMIT,
      pingInterval: PING_INTERVAL_MS,
      socket: {
        connectTimeout: CONNECT_TIMEOUT_MS,
        socketTimeout: SILENCE_LIMIT_MS,
        reconnectStrategy: (retries) => Math.min(RETRY_LIMIT_MS, 100 * 2 ** retries) * (0.5 + Math.random() / 2),
      },
    });
    const bus = new RedisBus(options, commands, commands.duplicate({disableOfflineQueue: false}));
    await bus.#connect();
    return bus;
  }

  private constructor(options: RedisBusOptions, commands: RedisClientType, events: RedisClientType) {
    this.#options = options;
    this.#commands = commands;
    this.#events = events;
    for (const client of [commands, events]) {
      // Said once, in #look, and not for every attempt.
      client.on('error', () => this.#look());
      client.on('ready', () => this.#look());
      client.on('end', () => this.#look());
    }
    this.#heartbeat = setInterval(() => void this.#beat(), options.heartbeatMs ?? HEARTBEAT_MS).unref();
  }

  get connected(): boolean {
    return this.#connected;
  }

  async enter(room: string): Promise<{elsewhere: readonly RemoteMember[]; release: () => void}> {
    const followed = this.#follow(room);
    followed.entering += 1;
    const release = (): void => this.#release(room, followed);
    // Once somebody of ours is in, the hub itself knows who is where.
    if (!this.#connected || this.#isOurs(room)) return {elsewhere: [], release};
    try {
      const late = (): Error => new Error('Redis did not answer in time');
      // In this order, so that nobody comes unseen between the two.
      const find = (): Promise<RemoteMember[]> => followed.subscribed.then(() => this.#lookUp(room));
      return {elsewhere: await withDeadline(find, ENTER_DEADLINE_MS, late), release};
    } catch (error) {
      this.#options.log.warn({err: error}, 'a room was entered without knowing who is in it at other servers');
      return {elsewhere: [], release};
    }
  }

  vacate(room: string): void {
    const followed = this.#followed.get(room);
    if (followed === undefined || followed.entering > 0) return;
    this.#followed.delete(room);
    this.#events.unsubscribe(this.#key('room', room)).catch(() => undefined);
  }

  publish(room: string, event: RoomEvent): void {
    if (!this.#connected) return;
    const key = this.#key('room', room);
    const told = writeToldEvent({at: this.#id, event});
    this.#attempt(this.#store(key, event));
    this.#attempt(this.#commands.publish(key, told));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#heartbeat);
    const late = (): Error => new Error('Redis did not answer in time');
    if (this.#connected) {
      // After what the hub has published of those who left.
      const gone = () => this.#commands.del(this.#key('server', this.#id));
      await withDeadline(gone, ENTER_DEADLINE_MS, late).catch(() => undefined);
    }
    this.#commands.destroy();
    this.#events.destroy();
  }

  async #connect(): Promise<void> {
    for (const client of [this.#commands, this.#events]) client.connect().catch(() => undefined);
    const ready = Promise.withResolvers<void>();
    this.#commands.once('ready', ready.resolve);
    await withDeadline(
      () => Promise.all([ready.promise, new Promise((resolve) => this.#events.once('ready', resolve))]),
      START_DEADLINE_MS,
      () => new Error('Redis did not answer in time'),
    ).catch(() => this.#options.log.warn({}, 'Redis does not answer: rooms are those of this server alone for now'));
  }

  /** Notices that Redis came or went. */
  #look(): void {
    const connected = this.#commands.isReady && this.#events.isReady;
    if (connected === this.#connected || this.#stopped) return;
    this.#connected = connected;
    const {log, hub} = this.#options;
    if (connected) {
      log.info({}, 'Redis answers: rooms are shared with the other servers');
      void this.#beat();
      for (const {room, peer, state} of hub.localMembers()) this.publish(room, {type: 'present', peer, state});
      this.#attempt(this.#lookUpAll());
    } else {
      log.warn({}, 'Redis is gone: rooms are those of this server alone until it is back');
      for (const at of this.#others) hub.remoteGone(at);
      this.#others.clear();
    }
  }

  /** Says that we live and who is here, and looks whether the others still do. */
  async #beat(): Promise<void> {
    if (!this.#connected) return;
    const {hub, lifeMs = LIFE_MS} = this.#options;
    this.#attempt(this.#commands.set(this.#key('server', this.#id), '1', {expiration: {type: 'PX', value: lifeMs}}));
    for (const {room, peer, state} of hub.localMembers()) {
      this.#attempt(this.#store(this.#key('room', room), {type: 'present', peer, state}));
    }
    try {
      const others = [...this.#others];
      const alive = await this.#living(others);
      for (const at of others.filter((other) => !alive.has(other))) {
        this.#others.delete(at);
        hub.remoteGone(at);
      }
    } catch {
      // Redis is on its way out; #look follows.
    }
  }

  async #store(key: string, event: RoomEvent): Promise<void> {
    if (event.type === 'gone') await this.#commands.hDel(key, event.peer);
    if (event.type !== 'present') return;
    const {peer, state} = event;
    const stored = this.#commands.hSet(key, peer, JSON.stringify({peer, state, at: this.#id}));
    await Promise.all([stored, this.#commands.pExpire(key, ROOM_LIFE_MS)]);
  }

  #follow(room: string): Followed {
    const known = this.#followed.get(room);
    if (known !== undefined) return known;
    const subscribed = this.#events.subscribe(this.#key('room', room), (text) => this.#hear(room, text));
    this.#attempt(subscribed);
    const followed: Followed = {subscribed, entering: 0, held: []};
    this.#followed.set(room, followed);
    return followed;
  }

  #release(room: string, followed: Followed): void {
    followed.entering -= 1;
    if (followed.entering > 0) return;
    for (const told of followed.held.splice(0)) this.#tell(room, told);
    if (!this.#isOurs(room)) this.vacate(room);
  }

  #hear(room: string, text: string): void {
    const followed = this.#followed.get(room);
    if (followed === undefined) return;
    try {
      const told = readToldEvent(text);
      if (told.at === this.#id) return;
      if (followed.entering === 0) this.#tell(room, told);
      else if (followed.held.length < HELD_LIMIT) followed.held.push(told);
    } catch (error) {
      this.#options.log.warn({err: error}, 'another server said something unreadable through Redis');
    }
  }

  #tell(room: string, {at, event}: ToldEvent): void {
    this.#others.add(at);
    this.#options.hub.remote(room, at, event);
  }

  /** Who is in a room at servers that live; the rest is swept out. */
  async #lookUp(room: string): Promise<RemoteMember[]> {
    const key = this.#key('room', room);
    const texts = Object.values(await this.#commands.hGetAll(key)).slice(0, this.#options.hub.limits.peersPerRoom);
    const members = texts.map(readRemoteMember).filter(({at}) => at !== this.#id);
    const alive = await this.#living([...new Set(members.map(({at}) => at))]);
    for (const {peer, at} of members) if (!alive.has(at)) this.#attempt(this.#commands.hDel(key, peer));
    for (const at of alive) this.#others.add(at);
    return members.filter(({at}) => alive.has(at));
  }

  /** After a time without Redis: who has come elsewhere. */
  async #lookUpAll(): Promise<void> {
    for (const room of this.#followed.keys()) {
      for (const {at, peer, state} of await this.#lookUp(room)) {
        this.#options.hub.remote(room, at, {type: 'present', peer, state});
      }
    }
  }

  async #living(servers: readonly string[]): Promise<ReadonlySet<string>> {
    if (servers.length === 0) return new Set();
    const found = await this.#commands.mGet(servers.map((at) => this.#key('server', at)));
    return new Set(servers.filter((_at, index) => found[index] !== null));
  }

  #isOurs(room: string): boolean {
    return this.#options.hub.hasRoom(room);
  }

  #key(kind: 'room' | 'server', name: string): string {
    return `${this.#options.protocol}:${kind}:${name}`;
  }

  /** What fails because Redis went away is said, and mended, by #look. */
  #attempt(work: Promise<unknown>): void {
    work.catch(() => undefined);
  }
}
