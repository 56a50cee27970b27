import type {Connection, Stream} from '@libp2p/interface';
import {generateKeyPair} from '@libp2p/crypto/keys';
import type {Multiaddr} from '@multiformats/multiaddr';

import type {Logger} from '../observability/logger.ts';
import {isRelayed} from '../p2p/admission.ts';
import type {NodeService} from '../p2p/node-service.ts';
import {peerFromKey, peerToKey} from '../records/peer-key.ts';
import {signalProtocol} from '../records/signal-message.ts';
import type {Health, HealthCheck, Route, Service, ServiceContext, ServiceInfo} from '../service/service.ts';
import {joinLocally} from './client/local.ts';
import {SignalExchange} from './exchange.ts';
import type {ExchangeOptions} from './exchange.ts';
import type {Intake} from './intake.ts';
import {LineStream} from './line-stream.ts';
import {registerSignalMetrics} from './metrics.ts';
import {signalRoutes} from './routes.ts';
import {checkByTwoPeers} from './self-check.ts';
import type {ClientConnection} from './session.ts';
import {SignalService} from './signal-service.ts';
import {bytesOf, sourceOf} from './source.ts';

/** A peer needs one stream for each room that it is in. */
const MAX_STREAMS_PER_CONNECTION = 32;

export interface SignalNodeServiceOptions extends Omit<ExchangeOptions, 'protocol'> {
  /** @default 'signal-node' */
  name?: string;
  node: NodeService;
  /** `/quiver/<profile>`. */
  protocolPrefix: string;
}

interface Running {
  exchange: SignalExchange;
  /** It is ours, and not that of a signalling server in this process. */
  own: boolean;
  log: Logger;
  checkers: readonly [string, string];
}

/**
 * Signalling over libp2p on any node, so that two peers meet at any bootstrap that they have in common. Peers are who
 * their connections prove them to be. Where a `SignalService` runs in the same process, they share its rooms.
 */
export class SignalNodeService implements Service {
  readonly kind = 'network.signal-node';
  readonly name: string;
  readonly after: readonly string[];
  readonly #options: SignalNodeServiceOptions;
  readonly #protocol: string;
  readonly #streams = new Set<LineStream>();
  #running: Running | undefined;
  #draining = false;

  constructor(options: SignalNodeServiceOptions) {
    this.#options = options;
    this.name = options.name ?? 'signal-node';
    this.after = [options.node.name];
    this.#protocol = signalProtocol(options.protocolPrefix);
  }

  /** The rooms that are served; undefined before `start`. */
  get exchange(): SignalExchange | undefined {
    return this.#running?.exchange;
  }

  async start(context: ServiceContext): Promise<void> {
    const {log, metrics} = context;
    const signal = context.find('network.signal');
    const shared = signal instanceof SignalService ? signal.exchange : undefined;
    const exchange = shared ?? new SignalExchange({...this.#options, protocol: this.#protocol});
    const checkers = [await newPeer(), await newPeer()] as const;
    for (const peer of checkers) exchange.allowOwn(peer);
    this.#running = {exchange, own: shared === undefined, log, checkers};
    if (shared === undefined) {
      exchange.start(log);
      await registerSignalMetrics(metrics, exchange);
    }
    await this.#options.node.node.handle(this.#protocol, (stream, connection) => this.#serve(stream, connection), {
      maxInboundStreams: MAX_STREAMS_PER_CONNECTION,
      runOnLimitedConnection: true,
    });
  }

  async drain(): Promise<void> {
    this.#draining = true;
    if (this.#running?.own === true) await this.#running.exchange.drain();
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    await this.#options.node.node.unhandle(this.#protocol);
    if (running.own) await running.exchange.stop();
    await Promise.all([...this.#streams].map((stream) => stream.close()));
  }

  info(): ServiceInfo {
    const node = this.#options.node.info();
    const hub = this.#running?.exchange.hub;
    const status = this.#draining ? 'draining' : node.status;
    return {
      ...node,
      name: this.name,
      kind: this.kind,
      status: this.#running === undefined ? 'stopped' : status,
      protocol: this.#protocol,
      metadata: {rooms: hub?.roomCount ?? 0, connections: hub?.sessions.size ?? 0},
    };
  }

  async health(signal: AbortSignal): Promise<Health> {
    const running = this.#running;
    const registered = running !== undefined && this.#options.node.node.getProtocols().includes(this.#protocol);
    const serving: HealthCheck = {name: 'protocol', ok: registered && !this.#draining, detail: this.#protocol};
    if (running === undefined || !serving.ok) return {ok: false, checks: [serving]};
    // A node can't dial itself; from the stream on, this is the way that everybody takes.
    const {exchange, checkers} = running;
    const join = (room: string) => (self: string) => joinLocally(exchange, {room, self, signal});
    const meeting = await checkByTwoPeers((room) => checkers.map(join(room)), signal);
    return {ok: meeting.ok, checks: [serving, meeting]};
  }

  routes(): readonly Route[] {
    return this.#running?.own === true ? signalRoutes(this.#running.exchange) : [];
  }

  #serve(stream: Stream, connection: Connection): void {
    const running = this.#running;
    const peer = connection.remotePeer.toString();
    if (running === undefined || peerToKey(peer) === undefined) {
      stream.abort(new Error('signalling is not served to this peer'));
      return;
    }
    const {exchange, log} = running;
    let intake: Intake | undefined;
    const lines = new LineStream(stream, exchange.backlog.share(), {
      line: (text) => void receive(intake, link, text),
      closed: (reason) => {
        this.#streams.delete(lines);
        intake?.closed();
        if (reason !== undefined) log.debug({peer, reason: reason.message}, 'a signalling stream was reset');
      },
    });
    const link: ClientConnection = {
      send: (message) => {
        if (lines.send(JSON.stringify(message))) return;
        exchange.hub.stats.refused.add('SIGNAL_SLOW');
        lines.abort(new Error('reads too slowly'));
      },
      close: (reason) =>
        void lines.close().catch(() => log.debug({peer, reason}, 'a signalling stream was not closed')),
    };
    try {
      intake = exchange.accept({link, source: sourceOfAddress(connection.remoteAddr), face: 'libp2p', identity: peer});
      this.#streams.add(lines);
    } catch {
      lines.abort(new Error('the server is full or is being stopped'));
    }
  }
}

async function receive(intake: Intake | undefined, link: ClientConnection, text: string): Promise<void> {
  const refused = await intake?.take(text);
  if (refused !== undefined) link.send(refused);
}

/** Whom limits count together: whoever comes through one relay can't be told apart by address. */
function sourceOfAddress(address: Multiaddr): string {
  if (isRelayed(address)) return `relay ${address.getComponents().find(({name}) => name === 'p2p')?.value ?? ''}`;
  return sourceOf(bytesOf(address.getComponents()[0]?.value ?? ''));
}

async function newPeer(): Promise<string> {
  const key = await generateKeyPair('Ed25519');
  return peerFromKey(key.publicKey.raw);
}
