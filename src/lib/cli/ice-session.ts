import {createHash} from 'node:crypto';
import {join} from 'node:path';

import {controlSocket, peerKeyFile, runFile, type Places} from '../config/places.ts';
import type {NetworkProfile} from '../config/profile.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import {IceClient, type IceClientOptions} from '../ice/client.ts';
import {ServerChoice} from '../ice/server-choice.ts';
import {ServerSource, type ServerApi} from '../ice/servers.ts';
import {loadOrCreatePeerKey} from '../identity/peer-key.ts';
import type {Logger} from '../observability/logger.ts';
import {peerFromKey} from '../records/peer-key.ts';
import {signalProtocol, type SignalChannel} from '../records/signal-message.ts';
import {readRunFile} from '../service/run-file.ts';
import type {ServiceInfo} from '../service/service.ts';
import {readIceServers, type IceServer} from '../stun/ice-server.ts';

export interface IceSettings {
  places: Places;
  profile: NetworkProfile;
  /** Which of one's own identities; two shells of one user need two. */
  identity: string;
  /** ICE servers APIs; none: that of the process of this profile. */
  apis: readonly string[];
  /** For an API that asks for one. */
  token?: string | undefined;
  /** Public STUN servers, switched on. */
  publicStun: readonly string[];
  /** Signalling servers; none: that of the process of this profile, or its bootstraps. */
  signals: readonly string[];
  relayOnly: boolean;
  /** For a signalling server, if that is less than usual. */
  waitMs?: number;
  log: Logger;
  signal: AbortSignal;
}

/** For one server to let us in. */
const JOIN_LIMIT_MS = 15_000;

export interface IceSession {
  client: IceClient;
  channel: SignalChannel;
  close(): Promise<void>;
}

export interface IceIdentity {
  peerId: string;
  key: Awaited<ReturnType<typeof loadOrCreatePeerKey>>;
}

export async function iceIdentity(places: Places, name: string): Promise<IceIdentity> {
  if (!/^[a-z0-9][a-z0-9-]{0,31}$/.test(name)) {
    throw new QuiverError({
      code: 'IDENTITY_NAME',
      message: `"${name}" can't be the name of an identity`,
      fix: 'Lower-case letters, digits and hyphens: --as laptop',
      exit: EXIT.usage,
    });
  }
  const key = await loadOrCreatePeerKey(peerKeyFile(places, name));
  return {key, peerId: peerFromKey(key.publicKey.raw)};
}

/** The ICE servers of this host, as its settings and the process of this profile have them. */
export async function serverSource(
  settings: IceSettings,
  peerId: string,
  known: () => readonly IceServer[] = () => [],
): Promise<ServerSource> {
  const {places, profile, publicStun, log} = settings;
  return new ServerSource({
    apis: await serverApis(settings, `did:quiver:${peerId}`),
    publicStun,
    known,
    cacheFile: join(places.state, `ice-servers-${profile.name}.json`),
    log,
  });
}

/** Joins the room that two peers share, and is ready to connect there. */
export async function openSession(
  settings: IceSettings,
  {key, peerId}: IceIdentity,
  peer: string,
  hooks: Pick<IceClientOptions, 'onStream' | 'onState'>,
): Promise<IceSession> {
  const {profile, log, signal, relayOnly} = settings;
  const channel = await joinRoom(settings, key, roomOf(peerId, peer));
  const source = await serverSource(settings, peerId, () => readIceServers(channel.iceServers()));
  const choice = new ServerChoice({servers: async (given) => (await source.list(given)).servers});
  const client = new IceClient({
    channel,
    key,
    servers: (given, fresh) => choice.find(given, fresh),
    policy: relayOnly ? 'relay' : 'all',
    log,
    ...(profile.loopbackOnly && {bindAddress: '127.0.0.1'}),
    ...hooks,
  });
  signal.throwIfAborted();
  return {
    client,
    channel,
    async close() {
      await client.close();
      await channel.close();
    },
  };
}

/** The same for both, whoever calls: nobody else has a reason to be there. */
function roomOf(self: string, peer: string): string {
  const pair = [self, peer].toSorted((a, b) => (a < b ? -1 : 1)).join(' ');
  return `ice:${createHash('sha256').update(pair).digest('hex').slice(0, 32)}`;
}

async function serverApis(settings: IceSettings, user: string): Promise<ServerApi[]> {
  const {places, profile, apis, token} = settings;
  const {fetchIceServers} = await import('../stun/fetch-ice-servers.ts');
  if (apis.length > 0) {
    return apis.map((url) => ({name: url, ask: (signal) => fetchIceServers({url, user, token, signal})}));
  }
  if ((await runningServices(settings, 'network.ice-api')).length === 0) return [];
  const {askIceServers} = await import('../turn/ice-api/ask-ice-servers.ts');
  const socketPath = controlSocket(places, profile.name);
  return [{name: socketPath, ask: (signal) => askIceServers({user, socketPath, signal})}];
}

async function joinRoom(settings: IceSettings, peerKey: IceIdentity['key'], room: string): Promise<SignalChannel> {
  const {profile, signals, signal, waitMs = JOIN_LIMIT_MS} = settings;
  const joinDeadlineMs = Math.min(waitMs, JOIN_LIMIT_MS);
  const running = await runningServices(settings, 'network.signal');
  const urls = signals.length > 0 ? signals : running.flatMap(({addresses}) => addresses.slice(0, 1));
  const protocol = signalProtocol(profile.protocolPrefix);
  if (urls.length > 0) {
    const {joinByWebSocket} = await import('../signal/client/websocket.ts');
    return joinByWebSocket({urls, room, protocol, peerKey, signal, joinDeadlineMs});
  }
  const nodes = (await runningServices(settings, 'network.node')).flatMap(({addresses}) => addresses.slice(0, 1));
  const bootstraps = [...nodes, ...profile.bootstrapNodes];
  if (bootstraps.length === 0) throw noSignalling();
  return joinThroughNodes(settings, peerKey, bootstraps, room, joinDeadlineMs);
}

/** Over libp2p, with a node that lives as long as the channel. */
async function joinThroughNodes(
  {profile, signal, log}: IceSettings,
  privateKey: IceIdentity['key'],
  bootstraps: readonly string[],
  room: string,
  joinDeadlineMs: number,
): Promise<SignalChannel> {
  const [{createNode}, {joinByNode}] = await Promise.all([
    import('../p2p/create-node.ts'),
    import('../signal/client/libp2p.ts'),
  ]);
  const host = profile.loopbackOnly ? '127.0.0.1' : '0.0.0.0';
  const node = await createNode({
    roles: ['client'],
    profile,
    privateKey,
    listen: {host, tcp: false, quic: false, ws: false, webrtcDirect: false},
    bootstrap: bootstraps,
    mdns: false,
    log,
  });
  try {
    const protocol = signalProtocol(profile.protocolPrefix);
    const channel = await joinByNode({node, servers: bootstraps, room, protocol, signal, joinDeadlineMs});
    channel.on('status', ({status}) => {
      if (status === 'closed') void node.stop();
    });
    return channel;
  } catch (error) {
    await node.stop();
    throw error;
  }
}

async function runningServices({places, profile}: IceSettings, kind: string): Promise<ServiceInfo[]> {
  const run = await readRunFile(runFile(places, profile.name));
  return run?.live === true ? run.services.filter((service) => service.kind === kind) : [];
}

function noSignalling(): QuiverError {
  return new QuiverError({
    code: 'NO_SIGNALLING',
    message: 'No signalling server is known, and no bootstrap: the two sides have nowhere to meet',
    fix: 'quiver up   (in another shell), or name a server: --signal wss://signal.example',
    exit: EXIT.usage,
  });
}
