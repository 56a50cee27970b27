import {randomBytes} from 'node:crypto';

import {pause} from '../core/pause.ts';
import {limiterMemory} from '../stun/source-limiter.ts';
import type {TurnCredentials} from '../stun/turn-dialog.ts';
import type {Health, Service, ServiceContext, ServiceInfo, ServiceStatus} from '../service/service.ts';
import {issueCredential} from './core/credentials.ts';
import type {CredentialAlgorithm} from './core/credentials.ts';
import type {Lease, Refusal} from './core/io.ts';
import {ADMISSION_LIMITS, LocalAdmission} from './core/local-admission.ts';
import type {AdmissionLimits} from './core/local-admission.ts';
import type {CoreLimits, TurnCoreOptions} from './core/options.ts';
import {monotonicMs} from './io/clock.ts';
import {ListeningServer} from './io/listening-server.ts';
import type {SocketSettings} from './io/listening-server.ts';
import type {RelayRange} from './io/server-options.ts';
import {registerStunMetrics, registerTurnMetrics} from './metrics.ts';
import type {SecretHooks} from './secret-file.ts';

/** How often a drain looks whether anybody is left. */
const DRAIN_CHECK_MS = 250;
const KEY_BYTES = 32;
const CHECK_CREDENTIAL_MS = 60_000;

export interface TurnServiceOptions extends SocketSettings {
  /** Where clients are relayed from. */
  relay: RelayRange;
  realm: string;
  /** Secrets of time-limited credentials; two while one replaces the other. */
  secrets: readonly string[];
  /** Tells of other secrets from start to stop. @default they stay */
  watchSecrets?: (hooks: SecretHooks) => () => void;
  /** Static users and their passwords. */
  users: ReadonlyMap<string, string>;
  /** CIDRs: peers that are allowed although they have a special purpose, and peers that never are. */
  peers: {allow: readonly string[]; deny: readonly string[]};
  /** @default 'sha1' */
  credentialAlgorithm?: CredentialAlgorithm;
  /** Of an allocation whose client asks for none. @default 600000 */
  lifetimeMs?: number;
  /** @default 3600000 */
  maxLifetimeMs?: number;
  /** @default false */
  sha256OnUdp?: boolean;
  /** Allocations in all, and of a user at a time and a minute. */
  admission?: Partial<AdmissionLimits>;
  /** Of clients and allocations; those of bandwidth in total are shared between the workers. */
  limits?: Partial<CoreLimits>;
}

/**
 * A TURN server (RFC 8656, RFC 8489), which answers STUN on the same sockets. It runs on threads of its own, also when
 * it is only one: relayed packets don't wait for what else the process does, and a worker that dies is replaced. What
 * is counted over all of them, allocations and their rates, is counted here.
 */
export class TurnService implements Service {
  readonly kind = 'network.turn';
  readonly name = 'turn';
  readonly #options: TurnServiceOptions;
  readonly #admission: LocalAdmission;
  #secrets: readonly string[];
  /** For its own health check: nobody else's allocations are in its way, nor does it take from anybody's quota. */
  readonly #checker = `health-${randomBytes(8).toString('hex')}`;
  readonly #checkSecret = randomBytes(KEY_BYTES).toString('base64url');
  #status: ServiceStatus = 'stopped';
  #server: ListeningServer | undefined;
  #unwatch: (() => void) | undefined;

  constructor(options: TurnServiceOptions) {
    this.#options = options;
    this.#secrets = options.secrets;
    this.#admission = new LocalAdmission({...ADMISSION_LIMITS, ...options.admission}, monotonicMs);
  }

  async start({signal, log, metrics}: ServiceContext): Promise<void> {
    this.#status = 'starting';
    const server = await ListeningServer.start(
      this.#options,
      {
        scheme: 'turn',
        core: {kind: 'turn', options: this.#coreOptions(), relay: this.#options.relay},
        admit: (user) => this.#admit(user),
        log,
      },
      signal,
    );
    this.#server = server;
    await registerStunMetrics(metrics, server);
    await registerTurnMetrics(metrics, server);
    this.#unwatch = this.#options.watchSecrets?.({
      onChange: (secrets) => {
        this.setSecrets(secrets);
        log.info('the TURN secrets have changed; what was allocated before lives on');
      },
      onFault: (error) => log.warn({err: error}, 'the TURN secrets can not be read anew'),
    });
    this.#status = 'ready';
  }

  /** Secrets of time-limited credentials from now on; what was allocated with another one lives on. */
  setSecrets(secrets: readonly string[]): void {
    this.#secrets = secrets;
    this.#server?.setSecrets([...secrets, this.#checkSecret]);
  }

  /** Makes no allocation any more, and waits until those that live have ended. */
  async drain(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#status = 'draining';
    server.drain();
    while (this.#server === server && this.#admission.held > 0) {
      await pause(DRAIN_CHECK_MS);
    }
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#unwatch?.();
    await server?.stop();
    this.#status = 'stopped';
  }

  info(): ServiceInfo {
    const server = this.#server;
    const {realm, workers = 1, relay} = this.#options;
    return {
      name: this.name,
      kind: this.kind,
      status: this.#status,
      addresses: server?.addresses ?? [],
      publicAddresses: server?.publicAddresses ?? [],
      protocol: 'turn',
      metadata: {
        realm,
        engine: server?.engine ?? null,
        workers,
        allocations: this.#admission.held,
        relayPorts: relay.ports.join('-'),
      },
    };
  }

  async health(signal: AbortSignal): Promise<Health> {
    if (this.#server === undefined) return {ok: false, checks: [{name: 'turn', ok: false, detail: this.#status}]};
    // While it drains an Allocate is refused, as it should be.
    return this.#server.health(signal, this.#status === 'ready' ? this.#login() : undefined);
  }

  #coreOptions(): TurnCoreOptions {
    const {realm, users, peers, relay, limits = {}, workers = 1} = this.#options;
    const {credentialAlgorithm, lifetimeMs, maxLifetimeMs, sha256OnUdp} = this.#options;
    const {bytesPerSecond} = limits;
    return {
      realm,
      secrets: [...this.#secrets, this.#checkSecret],
      users,
      nonceKey: randomBytes(KEY_BYTES),
      peers: {
        ...peers,
        ownRelays: relay.addresses.flatMap(({address, announced}) =>
          announced === undefined ? [address] : [address, announced],
        ),
        relayPorts: relay.ports,
      },
      limits: {...limits, ...(bytesPerSecond !== undefined && {bytesPerSecond: bytesPerSecond / workers})},
      limiters: {bindings: limiterMemory(), challenges: limiterMemory(), failures: limiterMemory()},
      ...(credentialAlgorithm !== undefined && {credentialAlgorithm}),
      ...(lifetimeMs !== undefined && {lifetimeMs}),
      ...(maxLifetimeMs !== undefined && {maxLifetimeMs}),
      ...(sha256OnUdp !== undefined && {sha256OnUdp}),
    };
  }

  #admit(user: string): Lease | Refusal {
    return user === this.#checker ? {release: () => undefined} : this.#admission.tryAdmit(user);
  }

  #login(): TurnCredentials {
    return issueCredential({
      user: this.#checker,
      secret: this.#checkSecret,
      lifetimeMs: CHECK_CREDENTIAL_MS,
      nowMs: Date.now(),
      algorithm: this.#options.credentialAlgorithm ?? 'sha1',
    });
  }
}
