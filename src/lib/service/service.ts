import type {Registry} from 'prom-client';

import type {Json} from '../core/json.ts';
import type {Logger} from '../observability/logger.ts';

/** `<area>.<what>`; services look one another up by it. */
export type ServiceKind =
  | 'network.node'
  | 'network.bootstrap'
  | 'network.relay'
  | 'inference.provider'
  | 'inference.client'
  | (string & {});

export type ServiceStatus = 'starting' | 'ready' | 'degraded' | 'draining' | 'stopped' | 'failed';

/** What a service says of itself in the ready event, in `/info` and in `quiver status`. */
export interface ServiceInfo {
  name: string;
  kind: ServiceKind;
  status: ServiceStatus;
  peerId?: string;
  /** What it listens on: multiaddrs or URLs. */
  addresses: string[];
  /** Those of them that others are told. */
  publicAddresses: string[];
  /** Protocol id or scheme, e.g. `/quiver/local/infer/1.0.0`. */
  protocol?: string;
  metadata: Record<string, Json>;
}

export interface HealthCheck {
  name: string;
  ok: boolean;
  detail?: string;
  /** What to do when it is not ok. */
  fix?: string;
}

export interface Health {
  ok: boolean;
  checks: HealthCheck[];
}

export interface RouteRequest {
  /** Decoded query string. */
  query: URLSearchParams;
  /** Parsed JSON body, undefined when there was none; to be validated by the route. */
  body: unknown;
  /** Aborted when the caller goes away or the host stops. */
  signal: AbortSignal;
}

/** One answer: a JSON object, plain text, or a stream of JSON lines. */
export type RouteReply =
  | {status?: number; json: unknown}
  | {status?: number; text: string; contentType?: string}
  | {status?: number; ndjson: AsyncIterable<unknown>};

export interface Route {
  method: 'GET' | 'POST';
  /**
   * Exact path, e.g. `/dht/stats`; also reachable as `/services/<name><path>`. Where several services of one process
   * have the same path, the first in their order answers at the short one.
   */
  path: string;
  /**
   * `admin`: on the admin server (loopback TCP) and on the control socket; read-only things without secrets.
   * `control`: on the control socket (0600) only; whatever acts, spends or shows what is private.
   */
  access: 'admin' | 'control';
  handle(request: RouteRequest): Promise<RouteReply> | RouteReply;
}

export interface ServiceContext {
  /** Aborted when this start is given up, or when the host stops: after `drain`, before `stop`. */
  signal: AbortSignal;
  log: Logger;
  /** This service's own registry: names need be unique only in it, and each series gets the label `service`. */
  metrics: Registry;
  /**
   * Another service of the same host, by kind: the nearest of those that this one waits for (`after`), which have
   * started; else any other, which may not have.
   */
  find(kind: ServiceKind): Service | undefined;
}

/**
 * Everything that runs for long: a node, a relay, a provider, a gateway, a TURN server.
 * A host starts each service once those it names in `after` are up, the others at the same time; asks `health()` before
 * it says ready; and stops them in reverse, those too whose start failed.
 */
export interface Service {
  readonly name: string;
  readonly kind: ServiceKind;
  /** Names of services of the same host that must be up before this one. */
  readonly after?: readonly string[];
  start(context: ServiceContext): Promise<void>;
  /** Stops taking new work and lets running work end; called before `stop`, bounded by the host's grace time. */
  drain?(): Promise<void>;
  /** Idempotent; leaves no handle open. */
  stop(): Promise<void>;
  info(): ServiceInfo;
  /** A real self-check (dial yourself, run one token), never just "I was started". */
  health(signal: AbortSignal): Promise<Health>;
  routes?(): readonly Route[];
}
