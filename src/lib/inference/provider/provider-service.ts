import type {Connection, Stream} from '@libp2p/interface';

import {QuiverError} from '../../core/errors.ts';
import type {Logger} from '../../observability/logger.ts';
import {networkNames} from '../../p2p/protocols.ts';
import type {Open} from '../../records/gen/frames_pb.js';
import type {Health, Service, ServiceContext, ServiceInfo, ServiceStatus} from '../../service/service.ts';
import {MAX_IN_FLIGHT_PER_PEER} from '../limits.ts';
import {MarketNode} from '../market/market-node.ts';
import {providerMetrics} from '../metrics.ts';
import type {ProviderMetrics} from '../metrics.ts';
import {ProviderLink} from '../wire/provider-link.ts';
import type {AnswerSink} from '../wire/provider-link.ts';
import type {ByteStream} from '../wire/stream-link.ts';
import {Announcer} from './announcer.ts';
import {Catalogue} from './catalogue.ts';
import {Desk} from './desk.ts';
import {runJob} from './job.ts';
import type {ProviderOptions} from './provider-options.ts';

/** A client keeps one stream; a second one bridges a reconnect. */
const MAX_STREAMS_PER_CONNECTION = 4;
/** Back ends are looked at again this often: models come and go, dead ones come back. */
const PROBE_INTERVAL_MS = 30_000;
/** Longest answer that is sold, in tokens. */
const MAX_TOKENS = 32_768;
/** Longest prompt, in bytes: what fits into one open frame with its surroundings. */
const MAX_PROMPT_BYTES = 768 * 1024;

const ZERO_ADDRESS = `0x${'0'.repeat(40)}`;

interface Running {
  catalogue: Catalogue;
  desk: Desk;
  market: MarketNode;
  announcer: Announcer;
  metrics: ProviderMetrics;
  log: Logger;
  probeTimer: NodeJS.Timeout;
  stopping: AbortController;
}

/** Serves the models of its back ends to the network, and signs for what it serves. */
export class ProviderService implements Service {
  readonly kind = 'inference.provider';
  readonly name: string;
  readonly after: readonly string[];
  readonly #options: ProviderOptions;
  readonly #links = new Set<ProviderLink>();
  readonly #inFlight = new Map<string, number>();
  #running: Running | undefined;
  #idle: (() => void) | undefined;
  #active = 0;
  #status: ServiceStatus = 'stopped';

  constructor(options: ProviderOptions) {
    this.#options = options;
    this.name = options.name ?? 'provider';
    this.after = [options.node.name];
  }

  async start({signal, log, metrics}: ServiceContext): Promise<void> {
    this.#status = 'starting';
    const {
      node: owner,
      peerKey,
      paymentKey,
      network,
      protocolPrefix,
      prices,
      asset,
      region,
      agentVersion,
    } = this.#options;
    const {node} = owner;
    const catalogue = new Catalogue(this.#options.backends, log);
    await catalogue.probe(signal);
    signal.throwIfAborted();
    if (catalogue.listings().length === 0) throw noModels(catalogue);
    const desk = new Desk({
      catalogue,
      provider: node.peerId.toString(),
      paymentKey,
      network,
      asset: asset ?? ZERO_ADDRESS,
      prices,
      ...this.#limits(),
    });
    const names = networkNames(protocolPrefix);
    const market = await MarketNode.enter({node, names, network, log, curious: false});
    const prefix = protocolPrefix;
    const announcer = new Announcer({
      market,
      catalogue,
      peerKey,
      paymentKey,
      network,
      prefix,
      prices,
      region: region ?? '',
      agentVersion,
      log,
    });
    const probeTimer = setInterval(() => void this.#probe().catch(() => undefined), PROBE_INTERVAL_MS);
    const counters = await providerMetrics(metrics, () => catalogue.load());
    this.#running = {
      catalogue,
      desk,
      market,
      announcer,
      metrics: counters,
      log,
      probeTimer,
      stopping: new AbortController(),
    };
    market.answering = async (request) => ({manifest: await announcer.manifest(), ...desk.quote(request, Date.now())});
    market.serving = (stream, peer) => this.#serve(stream, peer);
    await node.handle(
      names.infer,
      (stream: Stream, connection: Connection) => this.#serve(stream, connection.remotePeer.toString()),
      {
        maxInboundStreams: MAX_STREAMS_PER_CONNECTION,
        runOnLimitedConnection: true,
      },
    );
    await announcer.start();
    this.#status = 'ready';
  }

  /** Finishes what runs; new requests are refused, so that clients go elsewhere. */
  async drain(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#status = 'draining';
    running.desk.closed = true;
    running.announcer.stop();
    if (this.#active > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    this.#status = 'stopped';
    if (running === undefined) return;
    clearInterval(running.probeTimer);
    running.desk.closed = true;
    running.announcer.stop();
    running.market.answering = undefined;
    running.market.serving = undefined;
    running.stopping.abort();
    await Promise.all([...this.#links].map((link) => link.close()));
    await running.market.node.unhandle(networkNames(this.#options.protocolPrefix).infer);
    await running.market.leave();
    await Promise.all(this.#options.backends.map((backend) => backend.close()));
  }

  info(): ServiceInfo {
    const running = this.#running;
    const models = running?.catalogue.listings() ?? [];
    const addresses = running?.market.node.getMultiaddrs().map(String) ?? [];
    return {
      name: this.name,
      kind: this.kind,
      status: this.#status,
      ...(running && {peerId: running.market.node.peerId.toString()}),
      addresses,
      publicAddresses: addresses,
      protocol: networkNames(this.#options.protocolPrefix).infer,
      metadata: {
        models: models.map(({name}) => name),
        backends:
          running?.catalogue.engines.map(({backend, fault}) => ({
            name: backend.name,
            ...(fault !== undefined && {fault}),
          })) ?? [],
        priceIn: this.#options.prices.priceIn,
        priceOut: this.#options.prices.priceOut,
        paymentAddress: this.#options.paymentKey.address,
        ...(running?.catalogue.load() ?? {active: 0, queued: 0, slots: 0}),
      },
    };
  }

  /** One real token from each back end has been made at start and is made again every 30 s. */
  async health(): Promise<Health> {
    const engines = this.#running?.catalogue.engines ?? [];
    const checks = engines.map(({backend, fault, models}) => ({
      name: backend.name,
      ok: fault === undefined,
      detail: fault ?? `${models.length} models`,
      ...(fault !== undefined && {
        fix: `Start ${backend.name} again, or leave it out; its models are not offered meanwhile.`,
      }),
    }));
    return {ok: checks.some(({ok}) => ok), checks};
  }

  #limits(): {maxPromptBytes: number; maxTokens: number} {
    const {maxPromptBytes = MAX_PROMPT_BYTES, maxTokens = MAX_TOKENS} = this.#options.limits ?? {};
    return {maxPromptBytes, maxTokens};
  }

  #serve(stream: ByteStream, peer: string): void {
    const limit = this.#options.limits?.maxInFlightPerPeer ?? MAX_IN_FLIGHT_PER_PEER;
    const link = new ProviderLink(stream, limit, {
      request: (open, sink) => void this.#answer(open, peer, sink),
      closed: (violation) => {
        this.#links.delete(link);
        if (violation === undefined) return;
        this.#running?.metrics.violations.inc();
        this.#running?.log.warn({peer, violation: violation.message}, 'a client broke the protocol');
      },
    });
    this.#links.add(link);
  }

  async #answer(open: Open, peer: string, sink: AnswerSink): Promise<void> {
    const running = this.#running;
    const limit = this.#options.limits?.maxInFlightPerPeer ?? MAX_IN_FLIGHT_PER_PEER;
    const before = this.#inFlight.get(peer) ?? 0;
    if (running === undefined) return sink.fail({code: 'PROVIDER_DRAINING', message: 'this provider is being stopped'});
    if (before >= limit) {
      return sink.fail({
        code: 'TOO_MANY_REQUESTS',
        message: `this peer already has ${limit} requests in flight`,
        retryAfterMs: 1_000,
      });
    }
    this.#inFlight.set(peer, before + 1);
    this.#active += 1;
    try {
      await this.#run(open, peer, sink, running);
    } finally {
      this.#active -= 1;
      const left = (this.#inFlight.get(peer) ?? 1) - 1;
      if (left > 0) this.#inFlight.set(peer, left);
      else this.#inFlight.delete(peer);
      if (this.#active === 0) this.#idle?.();
    }
  }

  async #run(open: Open, peer: string, sink: AnswerSink, running: Running): Promise<void> {
    const {catalogue, desk, log, metrics, stopping} = running;
    const {paymentKey} = this.#options;
    const limits = this.#limits();
    const result = await runJob(open, peer, sink, {
      catalogue,
      desk,
      paymentKey,
      log,
      limits,
      stopping: stopping.signal,
    });
    metrics.requests.inc({outcome: result.outcome});
    metrics.tokens.inc({direction: 'in'}, result.tokensIn);
    metrics.tokens.inc({direction: 'out'}, result.tokensOut);
    if (result.firstTokenMs !== undefined) metrics.firstToken.observe(result.firstTokenMs / 1_000);
    log.debug({peer, ...result}, 'request ended');
  }

  async #probe(): Promise<void> {
    const running = this.#running;
    if (running === undefined || running.desk.closed) return;
    const {catalogue, announcer, stopping} = running;
    const before = catalogue
      .listings()
      .map(({name, digest}) => `${name} ${digest}`)
      .join();
    await catalogue.probe(stopping.signal);
    const after = catalogue.listings();
    this.#status = after.length === 0 ? 'degraded' : 'ready';
    if (before !== after.map(({name, digest}) => `${name} ${digest}`).join()) await announcer.changed();
  }
}

function noModels(catalogue: Catalogue): QuiverError {
  const faults = catalogue.engines.map(({backend, fault}) => `${backend.name}: ${fault ?? 'no usable model'}`);
  return new QuiverError({
    code: 'NO_MODELS',
    message: faults.length === 0 ? 'No back end was found' : `No back end gives a token (${faults.join('; ')})`,
    fix: 'Start Ollama or a llama.cpp server with a model, or serve a file: quiver provider start --model ./file.gguf',
  });
}
