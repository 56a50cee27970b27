import {isIPv4, isIPv6} from 'node:net';

import {EXIT, QuiverError} from '../core/errors.ts';

/** One entry of an ICE server list, as `RTCPeerConnection` takes it. */
export interface IceServer {
  urls: string[];
  username?: string;
  credential?: string;
}

/** What an ICE servers API answers. */
export interface IceAnswer {
  servers: IceServer[];
  /** How long the credentials in it last; undefined when the answer doesn't say. */
  ttlMs?: number;
}

/** A STUN or TURN URL in its parts (RFC 7064, RFC 7065). */
export interface IceUrl {
  scheme: 'stun' | 'stuns' | 'turn' | 'turns';
  /** A name or an address in lower case, IPv6 without brackets. */
  host: string;
  port: number;
  /** To the server; `stuns` and `turns` over `tcp` are TLS, over `udp` DTLS. */
  transport: 'udp' | 'tcp';
}

/** RFC 8489 section 18.6. */
const DEFAULT_PORT = 3478;
const DEFAULT_TLS_PORT = 5349;
/** A scheme, a name of 253 characters, a port and a transport. */
const URL_LIMIT_CHARACTERS = 300;
/** Browsers gather from every server and complain from five on; no honest list is longer. */
const SERVERS_LIMIT = 16;
const URLS_LIMIT = 16;
/** USERNAME is shorter than 509 bytes (RFC 8489 section 14.3). */
const USERNAME_LIMIT_BYTES = 508;
/** A password is a HMAC in base64 or something that a person has chosen. */
const CREDENTIAL_LIMIT_BYTES = 512;
/** Credentials of longer life are no time-limited ones. */
const TTL_LIMIT_S = 7 * 24 * 3_600;

const ICE_URL = /^(stuns?|turns?):(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?$/i;
const NAME_LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** Resolvers read `127.1` and `0x7f.1` as addresses, which the checks for addresses would not see. */
const NUMERIC_LABEL = /^(\d+|0x[0-9a-f]*)$/;

/** A STUN or TURN URL in its parts; undefined for anything else. */
export function parseIceUrl(text: string): IceUrl | undefined {
  if (text.length > URL_LIMIT_CHARACTERS) return undefined;
  // The flag i, unlike toLowerCase, takes no Kelvin sign for a k.
  const match = ICE_URL.exec(text);
  if (match === null) return undefined;
  const [scheme = '', hostText = '', portText, transport] = match.slice(1).map((part) => part?.toLowerCase());
  const isTls = scheme.endsWith('s');
  if (!isScheme(scheme) || (transport !== undefined && !scheme.startsWith('turn'))) return undefined;
  const host = hostOf(hostText);
  const port = portText === undefined ? (isTls ? DEFAULT_TLS_PORT : DEFAULT_PORT) : Number(portText);
  if (host === undefined || port < 1 || port > 65_535) return undefined;
  return {scheme, host, port, transport: transport === 'tcp' || (transport === undefined && isTls) ? 'tcp' : 'udp'};
}

/** The URL of these parts: always with its port, and for TURN with its transport. */
export function formatIceUrl({scheme, host, port, transport}: IceUrl): string {
  const query = scheme.startsWith('turn') ? `?transport=${transport}` : '';
  return `${scheme}:${isIPv6(host) ? `[${host}]` : host}:${port}${query}`;
}

/**
 * The answer `{"ice_servers": […]}` of an ICE servers API that was asked over the network, with nothing in it but what
 * we know. Errors: ICE_SERVERS_INVALID.
 */
export function readIceAnswer(answer: unknown): IceAnswer {
  if (!isRecord(answer)) throw invalid('it is not an object');
  const {ice_servers: list, ttl} = answer;
  const servers = readIceServers(list);
  if (ttl === undefined) return {servers};
  if (typeof ttl !== 'number' || !(ttl > 0) || ttl > TTL_LIMIT_S) throw invalid('its ttl is no number of seconds');
  return {servers, ttlMs: ttl * 1_000};
}

/** A list of ICE servers from the network, checked and copied. Errors: ICE_SERVERS_INVALID. */
export function readIceServers(list: unknown): IceServer[] {
  if (!Array.isArray(list)) throw invalid('the servers are not in a list');
  if (list.length > SERVERS_LIMIT) throw invalid(`it has more than ${SERVERS_LIMIT} servers`);
  return (list as unknown[]).map(readServer);
}

function readServer(entry: unknown): IceServer {
  if (!isRecord(entry)) throw invalid('a server is not an object');
  const urls = readUrls(entry['urls']);
  const username = readText(entry['username'], 'username', USERNAME_LIMIT_BYTES);
  const credential = readText(entry['credential'], 'credential', CREDENTIAL_LIMIT_BYTES);
  const isTurn = urls.some((url) => url.startsWith('turn'));
  if (isTurn && (username === undefined || credential === undefined)) {
    throw invalid('a TURN server has no username or no credential');
  }
  return {urls, ...(username !== undefined && {username}), ...(credential !== undefined && {credential})};
}

/** One URL or a list of them, as `RTCIceServer` has it. */
function readUrls(value: unknown): string[] {
  const list: unknown[] = typeof value === 'string' ? [value] : Array.isArray(value) ? value : [];
  if (list.length === 0) throw invalid('a server has no URLs');
  if (list.length > URLS_LIMIT) throw invalid(`a server has more than ${URLS_LIMIT} URLs`);
  return list.map((text) => {
    if (typeof text !== 'string' || parseIceUrl(text) === undefined) throw invalid('a URL is none of STUN or TURN');
    return text.toLowerCase();
  });
}

function readText(value: unknown, what: string, limitBytes: number): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string' || value === '') throw invalid(`a ${what} is no text`);
  // A lone surrogate has no UTF-8 form, so that both sides would hash different bytes.
  if (Buffer.byteLength(value) > limitBytes || !value.isWellFormed()) throw invalid(`a ${what} is too long or broken`);
  if (/\p{Cc}/u.test(value)) throw invalid(`a ${what} has control characters`);
  return value;
}

function hostOf(text: string): string | undefined {
  if (text.startsWith('[')) {
    const address = text.slice(1, -1);
    return isIPv6(address) ? address : undefined;
  }
  if (isIPv4(text)) return text;
  const labels = (text.endsWith('.') ? text.slice(0, -1) : text).split('.');
  if (NUMERIC_LABEL.test(labels.at(-1) ?? '')) return undefined;
  return labels.every((label) => NAME_LABEL.test(label)) ? text : undefined;
}

function isScheme(text: string): text is IceUrl['scheme'] {
  return ['stun', 'stuns', 'turn', 'turns'].includes(text);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(reason: string): QuiverError {
  return new QuiverError({
    code: 'ICE_SERVERS_INVALID',
    message: `The list of ICE servers can't be used: ${reason}`,
    fix: 'Ask who runs the ICE servers API, or name another one; curl shows its answer.',
    exit: EXIT.failed,
  });
}
