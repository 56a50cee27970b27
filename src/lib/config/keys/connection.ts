import {parseCidr, parseIp} from '../../core/ip-address.ts';
import {choice, duration, flag, integer, list, port, portOrOff, size, text} from '../key.ts';

const HOST = /^[\w.:-]{1,253}$/;
const MAX_RATE = 1_000_000;
const HOSTS = {
  description: 'Addresses to listen on; unset: loopback on a local profile, all interfaces on a public one',
  default: [],
  expects: 'IP addresses of this machine',
  pattern: HOST,
};
const PUBLIC_IP = {
  description: 'Address that others know this machine by; auto finds it on its interfaces, or asks the server below',
  default: ['auto'],
  expects: 'IP addresses, or auto',
  pattern: /^(?:auto|[\da-f.:]+)$/i,
};
const PUBLIC_IP_FROM = {
  description: 'STUN server of yours that is asked for the public address where no interface has one',
  default: undefined,
  expects: 'host:port',
};
const TLS = {
  tls_cert: text({description: 'Certificate in PEM, with its chain; read again when it changes', default: undefined}),
  tls_key: text({description: 'Key of the certificate in PEM', default: undefined}),
};
const WORKERS = {description: 'Threads that share the ports', default: 1, min: 1, max: 64};
/** A 401 answers requests of 28 bytes whose source may be forged. */
const MAX_REALM_BYTES = 64;
/** Clients refresh a while before the end; RFC 8656 section 7.2 has an hour as the most that a server should give. */
const [MIN_LIFETIME_MS, MAX_LIFETIME_MS] = [10_000, 3_600_000];
const LIFETIME = duration({description: 'Life of an allocation that is not refreshed', default: 600_000});
const ALLOCATION_LIFETIME: typeof LIFETIME = {
  ...LIFETIME,
  expects: 'a duration from 10s to 1h',
  parse(raw) {
    const lifetimeMs = LIFETIME.parse(raw);
    const fits = lifetimeMs !== undefined && lifetimeMs >= MIN_LIFETIME_MS && lifetimeMs <= MAX_LIFETIME_MS;
    return fits ? lifetimeMs : undefined;
  },
};
const ORIGINS = 'origins (https://app.example), or *';

export const STUN_KEYS = {
  'stun.hosts': list(HOSTS),
  'stun.port': port({description: 'STUN port, UDP and TCP', default: 3478}),
  'stun.alternate_port': portOrOff({
    description: 'Second UDP port on two addresses: tells clients how their NAT behaves (RFC 5780)',
    default: false as const,
  }),
  'stun.tls_port': portOrOff({description: 'STUN over TLS, when there is a certificate', default: 5349}),
  'stun.tls_cert': TLS.tls_cert,
  'stun.tls_key': TLS.tls_key,
  'stun.public_ip': list(PUBLIC_IP),
  'stun.public_ip_from': text(PUBLIC_IP_FROM),
  'stun.workers': integer(WORKERS),
  'stun.rate_limit.requests_per_second': integer({
    description: 'Binding requests of one IPv4 address or IPv6 /64; TURN servers keep to it too',
    default: 100,
    min: 1,
    max: MAX_RATE,
  }),
  'stun.rate_limit.burst': integer({description: 'As many at once', default: 200, min: 1, max: MAX_RATE}),
} as const;

export const TURN_KEYS = {
  'turn.hosts': list(HOSTS),
  'turn.port': port({description: 'TURN port, UDP and TCP; STUN is answered there too', default: 3478}),
  'turn.alternate_port': portOrOff({
    description: 'Second UDP port on two addresses: tells clients how their NAT behaves (RFC 5780)',
    default: false as const,
  }),
  'turn.tcp': flag({description: 'Serve clients over TCP', default: true}),
  'turn.tls_port': portOrOff({
    description: 'TURN over TLS, when there is a certificate; published by DNS unless it is off',
    default: 5349,
  }),
  'turn.tls_cert': TLS.tls_cert,
  'turn.tls_key': TLS.tls_key,
  'turn.realm': text({
    description: 'Realm of the credentials; part of each refusal, so keep it short',
    default: 'quiver',
    expects: `up to ${MAX_REALM_BYTES} bytes of printable characters without quotes`,
    pattern: {test: isRealm},
  }),
  'turn.public_ip': list(PUBLIC_IP),
  'turn.public_ip_from': text(PUBLIC_IP_FROM),
  'turn.relay_ip_range': list({
    description: 'Addresses of this machine to relay from; unset: those that the public address is behind',
    default: [],
    expects: 'IP addresses, each with the public one where a NAT is before it: 10.0.0.5=203.0.113.5',
    pattern: {test: isRelay},
  }),
  'turn.relay_port_range': text({
    description: 'UDP ports to relay from',
    default: '49152-65535',
    expects: 'two ports, e.g. 49152-65535',
    pattern: {test: isPortRange},
  }),
  'turn.auth_secret': text({
    description:
      'Secret that credentials are made with, or two with a comma between while one replaces the other; unset: made once and kept in a file',
    default: undefined,
    secret: true,
  }),
  'turn.users_file': text({
    description: 'File (0600) of static users: name and password on a line',
    default: undefined,
  }),
  'turn.credential_algorithm': choice(['sha1', 'sha256'], {
    description: 'HMAC of time-limited credentials; sha1 is what other issuers and servers know',
    default: 'sha1',
  }),
  'turn.sha256_on_udp': flag({
    description: 'Offer SHA-256 over UDP too, where it makes refusals larger than requests',
    default: false,
  }),
  'turn.max_allocations': integer({description: 'Allocations at a time', default: 1000, min: 1, max: 1_000_000}),
  'turn.max_allocations_per_user': integer({description: 'Of them, of one user', default: 5, min: 1, max: 100_000}),
  'turn.allocations_per_minute': integer({
    description: 'New allocations of one user a minute',
    default: 10,
    min: 1,
    max: MAX_RATE,
  }),
  'turn.allocation_lifetime': ALLOCATION_LIFETIME,
  'turn.bandwidth': size({
    description: 'Bytes a second of all allocations, both ways together; unset: no cap',
    default: undefined,
    maxBytes: 1e12,
  }),
  'turn.bandwidth_per_allocation': size({
    description: 'Bytes a second of one allocation, both ways together; unset: no cap',
    default: undefined,
    maxBytes: 1e12,
  }),
  'turn.allow_peers': list({
    description: 'Networks that may be relayed to although they are not public',
    default: [],
    expects: 'networks such as 10.0.0.0/8',
    pattern: {test: isNetwork},
  }),
  'turn.deny_peers': list({
    description: 'Networks that are never relayed to',
    default: [],
    expects: 'networks such as 198.51.100.0/24',
    pattern: {test: isNetwork},
  }),
  'turn.engine': choice(['dgram', 'batch', 'coturn'], {
    description: 'Who moves the packets: Node, many at once through the system (Linux), or a coturn of yours',
    default: 'dgram',
  }),
  'turn.allow_vulnerable_coturn': flag({
    description: 'Run a coturn with known holes all the same',
    default: false,
  }),
  'turn.workers': integer(WORKERS),

  'turn.ice_api.host': text({
    description: 'Address of the ICE servers API',
    default: '127.0.0.1',
    expects: 'an IP address',
    pattern: HOST,
  }),
  'turn.ice_api.port': portOrOff({description: 'Port of the ICE servers API', default: 8083}),
  'turn.ice_api.public': flag({description: 'Beyond this machine too, give everyone credentials', default: false}),
  'turn.ice_api.token_file': text({
    description: 'File (0600) with the token that callers from beyond this machine send',
    default: undefined,
  }),
  'turn.ice_api.rate_limit.requests_per_second': integer({
    description: 'Answers to one IPv4 address or IPv6 /64 beyond this machine',
    default: 5,
    min: 1,
    max: MAX_RATE,
  }),
  'turn.ice_api.rate_limit.burst': integer({description: 'As many at once', default: 60, min: 1, max: MAX_RATE}),
  'turn.ice_api.trusted_proxies': list({
    description: 'Proxies on other machines whose X-Forwarded-For counts',
    default: [],
    expects: 'networks such as 10.0.0.0/8',
    pattern: {test: isNetwork},
  }),
  'turn.ice_api.cors_origins': list({
    description: 'Web pages that may read the answers',
    default: [],
    expects: ORIGINS,
  }),
  'turn.ice_api.credential_lifetime': duration({description: 'How long credentials are good', default: 3_600_000}),
  'turn.ice_api.urls': list({
    description: 'Servers to list; unset: those of this process',
    default: [],
    expects: 'stun:, turn: and turns: URLs',
    pattern: /^(?:stun|turn)s?:/i,
  }),
  'turn.ice_api.public_fallback.enabled': flag({
    description: "List other people's STUN servers last; they learn the addresses of users",
    default: false,
  }),
  'turn.ice_api.public_fallback.stun_servers': list({
    description: 'Which ones',
    default: [],
    expects: 'stun: URLs',
    pattern: /^stuns?:/i,
  }),
} as const;

export const SIGNAL_KEYS = {
  'signal.host': text({
    description: 'Address to listen on; unset: loopback on a local profile, all interfaces on a public one',
    default: undefined,
    expects: 'an IP address',
    pattern: HOST,
  }),
  'signal.port': port({description: 'Port of signalling, WebSocket and HTTP', default: 8081}),
  'signal.tls_cert': TLS.tls_cert,
  'signal.tls_key': TLS.tls_key,
  'signal.public_urls': list({
    description: 'URLs by which clients call it behind a proxy or NAT',
    default: [],
    expects: 'URLs (wss://signal.example, https://signal.example)',
    pattern: /^(?:ws|http)s?:\/\//i,
  }),
  'signal.origins': list({description: 'Web pages that may come', default: [], expects: ORIGINS}),
  'signal.trusted_proxies': list({
    description: 'Proxies whose X-Forwarded-For counts',
    default: [],
    expects: 'networks such as 10.0.0.0/8',
    pattern: {test: isNetwork},
  }),
  'signal.allow_peers': list({
    description: 'Peer ids that may join; unset: whoever proves its own',
    default: [],
    expects: 'peer ids',
    pattern: /^\w{32,64}$/,
  }),
  'signal.redis_url': text({
    description: 'Share rooms with the servers of this Redis',
    default: undefined,
    expects: 'redis://host:port or rediss://…',
    pattern: /^rediss?:\/\//i,
    secret: true,
  }),
} as const;

function isPortRange(line: string): boolean {
  const [, low, high] = /^(\d{1,5})-(\d{1,5})$/.exec(line) ?? [];
  return Number(low) >= 1024 && Number(low) <= Number(high) && Number(high) <= 65_535;
}

function isNetwork(line: string): boolean {
  return parseCidr(line) !== undefined;
}

function isRelay(line: string): boolean {
  const words = line.split('=');
  const families = words.map((word) => parseIp(word)?.family);
  return words.length <= 2 && families.every((family) => family !== undefined && family === families[0]);
}

function isRealm(line: string): boolean {
  return /^[^"\\\p{Cc}]+$/u.test(line) && Buffer.byteLength(line) <= MAX_REALM_BYTES;
}
