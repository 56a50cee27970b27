import type {Config} from '../config/config.ts';
import {controlSocket, paymentKeyFile, peerKeyFile, receiptsDatabase, type Places} from '../config/places.ts';
import {QuiverError} from '../core/errors.ts';
import type {InferEvent} from '../inference/client/infer-types.ts';
import {remoteClient, type NetworkClient} from '../inference/client/remote-client.ts';
import type {Logger} from '../observability/logger.ts';
import {controlClient, type ControlClient} from '../service/control-client.ts';
import type {HostInfo} from '../service/host.ts';

export interface OpenClientOptions {
  config: Config;
  places: Places;
  version: string;
  log: () => Promise<Logger>;
  /** Told when a node of our own has to be started, since that takes a second. */
  onOwnNode?: () => void;
  /** A GGUF file to ask instead of a network. */
  modelPath?: string;
}

/** What the process behind the socket says when it is not there or does not ask for others. */
const NOBODY_ASKS: ReadonlySet<string> = new Set(['NOT_RUNNING', 'NO_SUCH_ROUTE']);

/**
 * A way into the network: the running process of this profile when it has one, else a short-lived node that joins
 * through it, or through the bootstraps of the settings. Which of the two is found out with the first request.
 */
export function openClient(options: OpenClientOptions): NetworkClient {
  const {config, places, modelPath} = options;
  const control = controlClient(controlSocket(places, config.profile.name));
  const remote = modelPath === undefined ? remoteClient(control) : undefined;
  let own: Promise<NetworkClient> | undefined;
  const fallBack = (): Promise<NetworkClient> => (own ??= startOwn(control, options));
  return {
    async *infer(request, signal): AsyncGenerator<InferEvent, void> {
      try {
        if (remote !== undefined && own === undefined) {
          yield* remote.infer(request, signal);
          return;
        }
      } catch (error) {
        if (!isNobody(error)) throw error;
      }
      yield* (await fallBack()).infer(request, signal);
    },
    async models(signal) {
      try {
        if (remote !== undefined && own === undefined) return await remote.models(signal);
      } catch (error) {
        if (!isNobody(error)) throw error;
      }
      return (await fallBack()).models(signal);
    },
    async close() {
      const client = await own?.catch(() => undefined);
      await client?.close();
    },
  };
}

function isNobody(error: unknown): boolean {
  return error instanceof QuiverError && NOBODY_ASKS.has(error.code);
}

async function startOwn(
  control: ControlClient,
  {config, places, version, log, onOwnNode, modelPath}: OpenClientOptions,
): Promise<NetworkClient> {
  const {profile} = config;
  const bootstrap = [...config.get('network.bootstrap_nodes'), ...(await runningNodes(control))];
  if (modelPath === undefined && bootstrap.length === 0) throw nothingToJoin(profile.name);
  onOwnNode?.();
  const [{ownClient}, {loadOrCreatePeerKey}, {loadOrCreatePaymentKey}, {createEmbeddedBackend}, logger] =
    await Promise.all([
      import('../inference/client/own-client.ts'),
      import('../identity/peer-key.ts'),
      import('../identity/payment-key.ts'),
      import('../inference/backends/embedded.ts'),
      log(),
    ]);
  // A one-shot command tells of its own progress; the log of its node is for those who ask for it.
  if (config.origin('log.level').layer === 'default' && logger.level === 'info') logger.level = 'warn';
  const serve =
    modelPath === undefined
      ? undefined
      : {
          backends: [await createEmbeddedBackend({modelPath, log: logger})],
          paymentKey: await loadOrCreatePaymentKey(paymentKeyFile(places, 'provider')),
        };
  return ownClient({
    profile: {...profile, stunServers: config.get('network.stun_servers')},
    network: {chainId: profile.chain.id, settlement: profile.settlement},
    bootstrap: modelPath === undefined ? bootstrap : [],
    peerKey: await loadOrCreatePeerKey(peerKeyFile(places, 'client')),
    receipts: receiptsDatabase(places),
    log: logger,
    agentVersion: `quiver/${version}`,
    ...(serve && {serve}),
  });
}

/** Where the running process of this profile can be dialled, whatever it is. */
async function runningNodes(control: ControlClient): Promise<string[]> {
  try {
    const {services} = (await control.get('/info')) as HostInfo;
    return services.filter(({kind}) => kind === 'network.node').flatMap(({addresses}) => addresses);
  } catch {
    return [];
  }
}

function nothingToJoin(profile: string): QuiverError {
  return new QuiverError({
    code: 'NO_PEERS',
    message: `Nothing of quiver runs here, and the profile ${profile} names nobody to join`,
    fix: 'Start a network in another terminal with: quiver up; or join one with: --bootstrap <address>',
  });
}
