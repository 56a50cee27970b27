import type {Config} from '../config/config.ts';
import type {Environment} from '../config/expand.ts';
import {coturnFolder, turnSecretFile, type Places} from '../config/places.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import {isSpecialPurpose, parseIp} from '../core/ip-address.ts';
import {isLoopbackHost} from '../p2p/listen.ts';
import type {Service} from '../service/service.ts';
import type {IceApiOptions} from '../turn/ice-api/ice-api-service.ts';
import type {ListenSettings} from '../turn/io/listening-server.ts';
import type {RelayAddress} from '../turn/io/relay-ports.ts';
import {findPublicAddresses, type PublicAddresses} from '../turn/public-address.ts';
import type {TurnServiceOptions} from '../turn/turn-service.ts';
import {listenHosts} from './listen-hosts.ts';
import {tlsFiles} from './tls-files.ts';

export interface ConnectionSetup {
  config: Config;
  places: Places;
  /** Where secrets may stand. */
  environment: Environment;
  /** Setting up is given up when it is aborted. */
  signal: AbortSignal;
}

const HOUR_MS = 3_600_000;

/** A STUN server for hosts without a TURN server, which answers STUN itself. */
export async function createStun(setup: ConnectionSetup): Promise<Service> {
  const {config} = setup;
  const [{StunService}, {addresses}] = await Promise.all([
    import('../turn/stun-service.ts'),
    publicAddresses('stun', setup),
  ]);
  return new StunService({
    listen: {...listen('stun', config, addresses), tcp: true},
    limits: bindingLimits(config),
    workers: config.get('stun.workers'),
  });
}

/** A TURN server and, unless it is off, the API that hands out its credentials. */
export async function createTurn(setup: ConnectionSetup): Promise<Service[]> {
  const {config, places} = setup;
  const [{loadSecrets}, {SecretFile}, {readUsers}, found] = await Promise.all([
    import('../turn/secret.ts'),
    import('../turn/secret-file.ts'),
    import('../turn/users.ts'),
    publicAddresses('turn', setup),
  ]);
  const usersFile = config.get('turn.users_file');
  const users = usersFile === undefined ? new Map<string, string>() : await readUsers(usersFile);
  const [given, path] = [givenSecrets(setup), turnSecretFile(places)];
  const file = new SecretFile(path, await loadSecrets({given, path}));
  const options: TurnServiceOptions = {
    ...turnOptions(config, found),
    secrets: file.current,
    users,
    ...(given.length === 0 && {watchSecrets: (hooks) => file.watch(hooks)}),
  };
  return [await openTurn(setup, options), ...(await createIceApi(setup, () => file.current))];
}

async function openTurn({config, places}: ConnectionSetup, options: TurnServiceOptions): Promise<Service> {
  const engine = config.get('turn.engine');
  if (engine !== 'coturn') {
    const {TurnService} = await import('../turn/turn-service.ts');
    return new TurnService({...options, engine});
  }
  const {CoturnService} = await import('../turn/coturn/coturn-service.ts');
  return new CoturnService({
    ...options,
    folder: coturnFolder(places),
    force: config.get('turn.allow_vulnerable_coturn'),
  });
}

/** None where its port is off. */
async function createIceApi(
  {config, environment}: ConnectionSetup,
  secrets: () => readonly string[],
): Promise<Service[]> {
  const port = config.get('turn.ice_api.port');
  if (port === false) return [];
  const [{IceApiService}, {loadToken}] = await Promise.all([
    import('../turn/ice-api/ice-api-service.ts'),
    import('../turn/ice-api/token.ts'),
  ]);
  const path = config.get('turn.ice_api.token_file');
  const given = environment['QUIVER_ICE_TOKEN'];
  const token = path === undefined && given === undefined ? undefined : await loadToken({given, path});
  const options: IceApiOptions = {
    host: config.get('turn.ice_api.host'),
    port,
    secrets,
    urls: config.get('turn.ice_api.urls'),
    publicFallback: config.get('turn.ice_api.public_fallback.enabled')
      ? config.get('turn.ice_api.public_fallback.stun_servers')
      : [],
    lifetimeMs: config.get('turn.ice_api.credential_lifetime'),
    algorithm: config.get('turn.credential_algorithm'),
    corsOrigins: config.get('turn.ice_api.cors_origins'),
    publicIce: config.get('turn.ice_api.public'),
    limit: {
      perSecond: config.get('turn.ice_api.rate_limit.requests_per_second'),
      burst: config.get('turn.ice_api.rate_limit.burst'),
    },
    proxies: config.get('turn.ice_api.trusted_proxies'),
    token,
    after: ['turn'],
  };
  return [new IceApiService(options)];
}

function turnOptions(config: Config, found: PublicAddresses): Omit<TurnServiceOptions, 'secrets' | 'users'> {
  const lifetimeMs = config.get('turn.allocation_lifetime');
  const [bandwidth, perAllocation] = [config.get('turn.bandwidth'), config.get('turn.bandwidth_per_allocation')];
  const relays = config.get('turn.relay_ip_range').map(relayAddress);
  const [low = 0, high = 0] = config.get('turn.relay_port_range').split('-').map(Number);
  const port = config.get('turn.port');
  if (port >= low && port <= high) throw portRelayed(port);
  return {
    listen: {...listen('turn', config, found.addresses), tcp: config.get('turn.tcp')},
    relay: {addresses: relays.length > 0 ? relays : found.relays, ports: [low, high]},
    realm: config.get('turn.realm'),
    peers: {allow: config.get('turn.allow_peers'), deny: config.get('turn.deny_peers')},
    credentialAlgorithm: config.get('turn.credential_algorithm'),
    lifetimeMs,
    maxLifetimeMs: Math.max(lifetimeMs, HOUR_MS),
    sha256OnUdp: config.get('turn.sha256_on_udp'),
    admission: {
      maxAllocations: config.get('turn.max_allocations'),
      maxPerUser: config.get('turn.max_allocations_per_user'),
      perUserPerMinute: config.get('turn.allocations_per_minute'),
    },
    limits: {
      ...bindingLimits(config),
      ...(bandwidth !== undefined && {bytesPerSecond: bandwidth}),
      ...(perAllocation !== undefined && {bytesPerSecondPerAllocation: perAllocation}),
    },
    workers: config.get('turn.workers'),
  };
}

function listen(section: 'stun' | 'turn', config: Config, known: readonly string[]): Omit<ListenSettings, 'tcp'> {
  const files = tlsFiles(section, config);
  const hosts = config.get(`${section}.hosts`);
  const alternatePort = config.get(`${section}.alternate_port`);
  const tlsPort = config.get(`${section}.tls_port`);
  return {
    hosts: listenHosts(hosts, config.profile),
    port: config.get(`${section}.port`),
    publicAddresses: known,
    ...(alternatePort !== false && {alternatePort}),
    ...(files !== undefined && tlsPort !== false && {tls: {...files, port: tlsPort}}),
  };
}

function bindingLimits(config: Config): {bindingsPerSecond: number; bindingBurst: number} {
  return {
    bindingsPerSecond: config.get('stun.rate_limit.requests_per_second'),
    bindingBurst: config.get('stun.rate_limit.burst'),
  };
}

/** Those of explicit hosts that are what others see, on loopback or the internet; else they are found out. */
async function publicAddresses(section: 'stun' | 'turn', {config, signal}: ConnectionSetup): Promise<PublicAddresses> {
  const given = config.get(`${section}.public_ip`);
  const hosts = config.get(`${section}.hosts`);
  const isAuto = given.includes('auto');
  if (isAuto && hosts.length > 0 && (hosts.every(isLoopbackHost) || hosts.every(isPublic))) {
    return {addresses: [...hosts], source: 'given', relays: hosts.map((address) => ({address}))};
  }
  return findPublicAddresses({
    wanted: isAuto ? 'auto' : given,
    loopbackOnly: config.profile.loopbackOnly && hosts.length === 0,
    stunServer: config.get(`${section}.public_ip_from`),
    // Its variable is a layer of the settings.
    variable: `QUIVER_${section.toUpperCase()}_PUBLIC_IP`,
    signal,
  });
}

function isPublic(host: string): boolean {
  const address = parseIp(host);
  return address !== undefined && isSpecialPurpose(address.bytes) === undefined;
}

/** TURN_AUTH_SECRET is the name that operators have it under already. */
function givenSecrets({config, environment}: ConnectionSetup): string[] {
  const given = config.get('turn.auth_secret') ?? environment['TURN_AUTH_SECRET'] ?? '';
  return given
    .split(',')
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '');
}

function relayAddress(line: string): RelayAddress {
  const [address = '', announced] = line.split('=');
  return {address, ...(announced !== undefined && {announced})};
}

/** Of this server's own addresses a client reaches the relay ports: it could chain allocations (RFC 8656 section 21.1.7). */
function portRelayed(port: number): QuiverError {
  return new QuiverError({
    code: 'TURN_PORT_RELAYED',
    message: `The TURN port ${port} lies among the ports to relay from, where clients of the relay could reach it`,
    fix: 'Keep them apart: --port 3478 --relay-ports 49152-65535 (turn.port, turn.relay_port_range)',
    exit: EXIT.usage,
  });
}
