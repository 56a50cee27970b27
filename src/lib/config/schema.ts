import {amount, choice, duration, flag, integer, list, port, portOrOff, size, text, type Key} from './key.ts';
import {SIGNAL_KEYS, STUN_KEYS, TURN_KEYS} from './keys/connection.ts';
import {DNS_KEYS} from './keys/dns.ts';
import {DEFAULT_PROFILE, STUN_URL} from './profile.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Plain enough for a metric label and a log line, and as long as a manifest has room for. */
const LABEL = {pattern: /^[\w.-]{1,32}$/, expects: 'up to 32 letters, digits, ".", "_" and "-"'};
/** The names of the services that run beside a provider are taken. */
const SERVICE_LABEL = {...LABEL, pattern: /^(?!(?:node|bootstrap|relay|client)$)[\w.-]{1,32}$/};
const HOST = /^[\w.:-]{1,253}$/;
const ADDRESS = /^0x[0-9a-fA-F]{40}$/;
const HTTP_URL = {test: isServerUrl};

/** 2^32 tokens, the most that a receipt counts, at this price still have a cost that it can hold (uint128). */
const MAX_PRICE = 2n ** 96n;

/** What a frame of the inference protocol has room for beside the rest of a request. */
const MAX_PROMPT_BYTES = 786_432;

const NODE_ADDRESSES = 'multiaddrs (/dns4/… or /dnsaddr/…) or host:port';

/** The sockets of a libp2p node; every service that is one has them below its own section. */
const NODE_SOCKETS = {
  host: list({
    description:
      'Addresses to listen on (:: is IPv4 and IPv6); unset: loopback on a local profile, all interfaces on a public one',
    default: [],
    expects: 'IP addresses of this machine',
    pattern: HOST,
  }),
  port: port({description: 'TCP port', default: 4001}),
  quic_port: portOrOff({description: 'QUIC port (UDP); unset: the number of the TCP port', default: undefined}),
  ws_port: portOrOff({description: 'WebSocket port (TCP)', default: 4002}),
  webrtc_port: portOrOff({description: 'WebRTC-direct port (UDP)', default: 4003}),
};

/**
 * Every key there is. A key stands here as soon as something reads it, and not before.
 * Key `a.b.c` is section a, section b, key c in a file and QUIVER_A_B_C in the environment.
 */
export const SCHEMA = {
  profile: text({
    description: 'The network that commands belong to',
    default: DEFAULT_PROFILE,
    expects: 'the name of a profile (see `quiver network list`)',
    pattern: /^[a-z0-9][a-z0-9-]{0,31}$/,
  }),

  'log.level': choice(LOG_LEVELS, {description: 'Least severe log line that a service writes', default: 'info'}),

  'admin.host': text({
    description: 'Address of the admin and metrics server',
    default: '127.0.0.1',
    expects: 'an IP address or host name',
    pattern: HOST,
  }),
  'admin.port': port({description: 'Port of the admin and metrics server', default: 9090}),

  'network.enable_dht': flag({description: 'Take part in the Kademlia DHT', default: true}),
  'network.enable_mdns': flag({description: 'Find peers on the local network by multicast', default: true}),
  'network.bootstrap_mode': flag({description: 'Serve as a bootstrap node beside the main role', default: false}),
  'network.bootstrap_nodes': list({
    description: 'Nodes to join the network through',
    default: [],
    expects: NODE_ADDRESSES,
  }),
  'network.relay_nodes': list({
    description: 'Relays to be reachable through behind NAT; a bare peer id is looked up in the DHT',
    default: [],
    expects: `${NODE_ADDRESSES}, or peer ids`,
  }),
  'network.stun_servers': list({
    description:
      "STUN servers of the network's own, by which peers behind NAT connect over WebRTC; unset: none is asked",
    default: [],
    expects: 'URLs (stun:host:port)',
    pattern: STUN_URL,
  }),
  'network.announce': list({
    description: 'Addresses to tell others instead of those that were detected',
    default: [],
    expects: 'multiaddrs',
    pattern: /^\//,
  }),
  'network.connection_limits.max_peers': integer({
    description: 'Connections held at once; unset: as the role needs',
    default: undefined,
    min: 1,
    max: 100_000,
  }),
  'network.connection_limits.max_pending_connections': integer({
    description: 'Inbound connections being set up at once; unset: as the role needs',
    default: undefined,
    min: 1,
    max: 10_000,
  }),
  'network.connection_limits.connection_grace_period': duration({
    description: 'How long a fresh connection is spared when connections are pruned; unset: as the role needs',
    default: undefined,
  }),

  ...below('bootstrap', NODE_SOCKETS),

  ...below('relay', NODE_SOCKETS),
  'relay.region': text({description: 'Where the relay stands, e.g. eu-west', default: undefined, ...LABEL}),

  'provider.name': text({
    description: 'Name of the provider in `quiver status`, logs and metrics',
    default: 'provider',
    ...SERVICE_LABEL,
  }),
  ...below('provider', NODE_SOCKETS),
  'provider.region': text({description: 'Where the provider stands, e.g. eu-west', default: undefined, ...LABEL}),
  'provider.price_in': amount({
    description: 'Price of 1,000 tokens of prompt, in QUIV',
    default: 1_000_000_000_000_000n,
    max: MAX_PRICE,
  }),
  'provider.price_out': amount({
    description: 'Price of 1,000 tokens of answer, in QUIV',
    default: 2_000_000_000_000_000n,
    max: MAX_PRICE,
  }),
  'provider.max_prompt_size': size({
    description: 'Longest prompt that is answered',
    default: MAX_PROMPT_BYTES,
    maxBytes: MAX_PROMPT_BYTES,
  }),
  'provider.backends': list({
    description: 'Inference servers to look for besides those on their usual local ports',
    default: [],
    expects: 'URLs (http://host:port, or https), without a query',
    pattern: HTTP_URL,
  }),
  'provider.backend_api_key': text({
    description: 'API key for the servers that provider.backends names',
    default: undefined,
    secret: true,
  }),

  ...STUN_KEYS,
  ...TURN_KEYS,
  ...SIGNAL_KEYS,
  ...DNS_KEYS,

  'chain.rpc_urls': list({
    description:
      'RPC servers of the chain, tried in this order; unset: the running local chain, or those of the profile',
    default: [],
    expects: 'URLs (https://host/path)',
    pattern: HTTP_URL,
  }),

  'wallet.name': text({
    description: 'Wallet that pays and signs',
    default: 'default',
    expects: 'the name of a wallet (see `quiver wallet show`)',
    pattern: /^[a-z0-9][a-z0-9-]{0,31}$/,
  }),
  'wallet.remote_signer': text({
    description: 'Signs in place of a wallet here: a Web3Signer in eth1 mode, or what speaks like one',
    default: undefined,
    expects: 'a URL (http://host:port)',
    pattern: HTTP_URL,
  }),
  'wallet.remote_address': text({
    description: 'Account of the remote signer; unset: the only one it has',
    default: undefined,
    expects: 'an address (0x…)',
    pattern: ADDRESS,
  }),
} as const satisfies Record<string, Key<unknown, unknown> | Key<never, unknown>>;

export type ConfigKey = keyof typeof SCHEMA;

/** What `Config.get` gives for a key. */
export type ConfigValue<K extends ConfigKey> =
  (typeof SCHEMA)[K] extends Key<infer Value, infer Default> ? Value | Default : never;

/** A key with its types forgotten, for code that treats all alike. */
export type AnyKey = Key<unknown, unknown>;

export const CONFIG_KEYS = Object.keys(SCHEMA) as readonly ConfigKey[];

const KEYS_BY_NAME: ReadonlyMap<string, AnyKey> = new Map(Object.entries(SCHEMA));

export function isConfigKey(name: string): name is ConfigKey {
  return KEYS_BY_NAME.has(name);
}

export function keySpec(key: ConfigKey): AnyKey {
  const spec = KEYS_BY_NAME.get(key);
  if (spec === undefined) throw new TypeError(`no such key: ${key}`);
  return spec;
}

/** The path may lead to `/v1`; what stands behind a `?` would never be sent. */
function isServerUrl(line: string): boolean {
  const url = URL.parse(line);
  return url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '';
}

/** The keys of a group, each with the section before it. */
function below<Section extends string, Group extends object>(
  section: Section,
  group: Group,
): {[Name in keyof Group & string as `${Section}.${Name}`]: Group[Name]} {
  const entries = Object.entries(group).map(([name, key]: [string, unknown]) => [`${section}.${name}`, key]);
  return Object.fromEntries(entries) as ReturnType<typeof below<Section, Group>>;
}

/** The environment variable of a key: `network.bootstrap_nodes` is QUIVER_NETWORK_BOOTSTRAP_NODES. */
export function environmentName(key: ConfigKey): string {
  return `QUIVER_${key.replaceAll('.', '_').toUpperCase()}`;
}

/** Names that may stand directly below a section ('' for the top level): keys and sections. */
export function namesBelow(section: string): string[] {
  const prefix = section === '' ? '' : `${section}.`;
  const names = CONFIG_KEYS.filter((key) => key.startsWith(prefix)).map(
    (key) => key.slice(prefix.length).split('.')[0],
  );
  return [...new Set(names)].filter((name) => name !== undefined);
}
