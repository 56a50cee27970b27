import type {Certificate} from '../../core/certificate-file.ts';
import type {Endpoint} from '../../stun/endpoint.ts';
import type {Admission, ClientPath, RelaySocket, TurnIo} from '../core/io.ts';
import {RelayError} from '../core/io.ts';
import {TurnCore} from '../core/turn-core.ts';
import {monotonicMs} from './clock.ts';
import {createEngine} from './create-engine.ts';
import {EndpointCache} from './endpoint-cache.ts';
import type {EngineEvents, EngineName, UdpEngine, UdpPath} from './engine.ts';
import {openListeners} from './listen.ts';
import type {Listeners} from './listen.ts';
import {MappedRelay, RelayMapping} from './mapped-relay.ts';
import {ownAddressCheck} from './own-address-check.ts';
import {RelayPorts} from './relay-ports.ts';
import type {BoundAddress, ServerOptions, ServerStats} from './server-options.ts';
import {Siblings} from './siblings.ts';
import type {HandedOver} from './siblings.ts';
import {ConnectionLimits} from './stream/connection-limits.ts';
import {StreamListener} from './stream/stream-listener.ts';
import type {StreamCounters} from './stream/stream-options.ts';
import {StunCore} from './stun-core.ts';
import type {ServerCore} from './stun-core.ts';

/** The core wants the time about once a second. */
const TICK_MS = 1_000;
/** A bug that every packet meets must not fill the disk. */
const ERROR_LOG_INTERVAL_MS = 10_000;

export type ServerLog = (level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void;

/**
 * A whole STUN or TURN server in one thread: the protocol core, the UDP sockets of an engine, TCP and TLS. Whatever is
 * thrown for a packet is caught, counted and logged, and the next packet is served.
 */
export class SocketServer {
  readonly siblings: Siblings;
  readonly #options: ServerOptions;
  readonly #log: ServerLog;
  readonly #core: ServerCore;
  readonly #endpoints = new EndpointCache();
  readonly #connections: ConnectionLimits;
  readonly #streamCounters: StreamCounters = {accepted: 0, refused: 0, handshakesFailed: 0, overdue: 0, sendDropped: 0};
  readonly #mapping: RelayMapping | undefined;
  #engine: UdpEngine | undefined;
  #relays: RelayPorts | undefined;
  #listeners: Listeners = {udp: [], streams: [], bound: []};
  #ticker: NodeJS.Timeout | undefined;
  #handedOver = 0;
  #internalErrors = 0;
  #errorLoggedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: ServerOptions, admission: Admission, log: ServerLog) {
    const {core, streams} = options;
    this.#options = options;
    this.#log = log;
    this.siblings = new Siblings((datagram) => this.#takeOver(datagram));
    this.#connections = new ConnectionLimits(streams);
    if (core.kind === 'stun') {
      this.#core = new StunCore(core.options);
      return;
    }
    const {addresses, ports} = core.relay;
    const mapping = new RelayMapping(addresses, ports, this.#endpoints);
    if (!mapping.empty) this.#mapping = mapping;
    this.#core = new TurnCore(core.options, this.#io(), admission);
  }

  get bound(): readonly BoundAddress[] {
    return this.#listeners.bound;
  }

  /** The one that really runs. */
  get engine(): EngineName {
    return this.#engine?.name ?? this.#options.engine;
  }

  /** Throws `ListenError`, having closed what was open. */
  async start(): Promise<void> {
    const {listen, core, engine: name, buffers, segmentation = true} = this.#options;
    const engine = await createEngine(name, {
      events: this.#events(),
      endpoints: this.#endpoints,
      now: monotonicMs,
      buffers,
      segmentation,
      log: this.#log,
    });
    this.#engine = engine;
    const {tls} = listen;
    if (core.kind === 'turn') this.#relays = new RelayPorts({engine, ...core.relay});
    try {
      this.#listeners = await openListeners(listen, {
        engine,
        createTcp: () => this.#streamListener(),
        createTls: tls && (() => this.#streamListener(tls.certificate)),
      });
    } catch (error) {
      await engine.close();
      throw error;
    }
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  /** For connections from now on; throws where certificate and key don't go together. */
  setCertificate(certificate: Certificate): void {
    for (const listener of this.#listeners.streams) listener.setCertificate(certificate);
  }

  /** For requests from now on; live allocations keep their keys. */
  setSecrets(secrets: readonly string[]): void {
    if (this.#core instanceof TurnCore) this.#core.setSecrets(secrets);
  }

  drain(): void {
    this.#core.drain();
  }

  stats(): ServerStats {
    return {
      engine: this.engine,
      core: this.#core.stats(),
      counters: this.#core.counters,
      udp: this.#engine?.counters ?? {sendErrors: 0, sendDropped: 0, receiveErrors: 0},
      streams: this.#streamCounters,
      connections: this.#connections.open,
      handedOver: this.#handedOver,
      internalErrors: this.#internalErrors,
    };
  }

  /** Ends allocations and connections; resolves when every descriptor is closed. */
  async close(): Promise<void> {
    clearInterval(this.#ticker);
    this.siblings.close();
    await this.#core.close();
    await Promise.all(this.#listeners.streams.map((listener) => listener.close()));
    await this.#engine?.close();
  }

  #io(): TurnIo {
    return {
      endpoint: (bytes, port) => this.#endpoints.fromBytes(bytes, port),
      isOwn: ownAddressCheck(monotonicMs),
      openRelay: async (request) => {
        if (this.#relays === undefined) throw new RelayError(508, 'the server has not started');
        const opened = await this.#relays.open(request);
        const mapping = this.#mapping;
        if (mapping === undefined) return opened;
        const [first, second] = opened.map((socket) => new MappedRelay(socket, mapping));
        if (first === undefined) throw new RelayError(508, 'no relay socket');
        return second === undefined ? [first] : [first, second];
      },
    };
  }

  #events(): EngineEvents {
    return {
      fromClient: (path: UdpPath, bytes, nowMs) => {
        if (!path.held && this.siblings.handOver(path, bytes)) this.#handedOver += 1;
        else this.#fromClient(path, bytes, nowMs);
      },
      fromPeer: this.#mapping === undefined ? this.#fromPeer : this.#fromMappedPeer,
      heldChanged: (path) => this.siblings.heldChanged(path),
    };
  }

  readonly #fromClient = (path: ClientPath, bytes: Uint8Array, nowMs: number): void => {
    try {
      this.#core.fromClient(path, bytes, nowMs);
    } catch (error) {
      this.#failed(error);
    }
  };

  readonly #fromPeer = (socket: RelaySocket, peer: Endpoint, bytes: Uint8Array, nowMs: number): void => {
    try {
      this.#core.fromPeer(socket, peer, bytes, nowMs);
    } catch (error) {
      this.#failed(error);
    }
  };

  readonly #fromMappedPeer = (socket: RelaySocket, peer: Endpoint, bytes: Uint8Array, nowMs: number): void => {
    if (socket.owner instanceof MappedRelay) {
      this.#fromPeer(socket.owner, this.#mapping?.toOutside(peer) ?? peer, bytes, nowMs);
    }
  };

  readonly #pathClosed = (path: ClientPath): void => {
    try {
      this.#core.pathClosed(path);
    } catch (error) {
      this.#failed(error);
    }
  };

  #takeOver({local, address, port, bytes}: HandedOver): void {
    const listener = this.#listeners.udp.find((each) => each.local.key === local);
    const path = listener?.path(this.#endpoints.fromText(address, port));
    // What isn't held here any more goes no further, or it might go back and forth.
    if (path?.held === true) this.#fromClient(path, bytes, monotonicMs());
  }

  #streamListener(certificate?: Certificate): StreamListener {
    return new StreamListener({
      events: {fromClient: this.#fromClient, closed: this.#pathClosed},
      endpoints: this.#endpoints,
      now: monotonicMs,
      limits: this.#options.streams,
      admission: this.#connections,
      counters: this.#streamCounters,
      ...(certificate !== undefined && {certificate}),
    });
  }

  #tick(): void {
    const nowMs = monotonicMs();
    try {
      this.#core.tick(nowMs);
      for (const listener of this.#listeners.streams) listener.sweep(nowMs);
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#internalErrors += 1;
    const nowMs = monotonicMs();
    if (nowMs - this.#errorLoggedAtMs < ERROR_LOG_INTERVAL_MS) return;
    this.#errorLoggedAtMs = nowMs;
    this.#log('error', 'a packet met a bug of ours and was dropped', {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      total: this.#internalErrors,
    });
  }
}
