import {CidrSet, ipText, isSpecialPurpose, parseIp, type IpAddress} from '../core/ip-address.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import {interfaceAddresses, type Interfaces} from '../core/interface-addresses.ts';
import {bindStun, type StunBinding} from '../stun/client.ts';
import {parseIceUrl} from '../stun/ice-server.ts';
import type {RelayAddress} from './io/relay-ports.ts';

/** An answer takes a round trip; a server that drops packets should not keep ours from starting for long. */
const ASK_TIMEOUT_MS = 5_000;

const LOOPBACK: IpAddress = {family: 4, bytes: Uint8Array.of(127, 0, 0, 1)};
const LINK_LOCAL = new CidrSet(['169.254.0.0/16', 'fe80::/10']);

export interface PublicAddressOptions {
  /** `auto`, or what it is: addresses of this host, or of the NAT before it. */
  wanted: 'auto' | readonly string[];
  /** On a loopback profile it is the loopback address. */
  loopbackOnly: boolean;
  /** Asked where no interface has one: a STUN server that the operator named, as `stun:…` or host:port. */
  stunServer?: string | undefined;
  /** The variable of the environment that says it, for the error. @example 'QUIVER_TURN_PUBLIC_IP' */
  variable: string;
  /** @default those of this machine */
  interfaces?: Interfaces;
  signal: AbortSignal;
}

export interface PublicAddresses {
  /** Canonical texts, IPv4 first; at least one. */
  addresses: string[];
  /** Who said so. */
  source: 'given' | 'loopback' | 'interface' | 'stun';
  /** Own addresses to relay from, each `announced` as the public one that it is behind, where that is another. */
  relays: RelayAddress[];
}

/**
 * The addresses that others reach this host by: those given; else, for `auto`, public ones of its interfaces, or what
 * a STUN server that the operator named sees. Nobody else is asked, no cloud's metadata service either.
 * Errors: PUBLIC_ADDRESS_UNKNOWN, which names the variable, PUBLIC_ADDRESS_WRONG, STUN_SERVER_WRONG.
 */
export async function findPublicAddresses(options: PublicAddressOptions): Promise<PublicAddresses> {
  const {wanted, loopbackOnly, stunServer, variable, signal} = options;
  const own = relayable(options.interfaces);
  if (wanted !== 'auto') return behind(given(wanted), 'given', own);
  if (loopbackOnly) return behind([LOOPBACK], 'loopback', [LOOPBACK]);
  const onInterfaces = oneOfEach(own.filter(isPublic));
  if (onInterfaces.length > 0) return behind(onInterfaces, 'interface', own);
  if (stunServer === undefined) throw unknown(variable, '');
  const {mapped, local} = await askStun(stunServer, variable, signal);
  // Clients would be sent there.
  if (!isPublic(mapped)) throw unknown(variable, `, and ${stunServer} sees ${mapped.address} of it`);
  return behind([mapped], 'stun', [local]);
}

/** Puts each public address before an own one of its family: itself, where this machine has it. */
function behind(
  addresses: readonly IpAddress[],
  source: PublicAddresses['source'],
  own: readonly IpAddress[],
): PublicAddresses {
  const relays = addresses.map((address) => {
    const announced = ipText(address.bytes);
    const family = own.filter((each) => each.family === address.family);
    const local = family.find(({bytes}) => ipText(bytes) === announced) ?? family[0];
    if (local === undefined) throw noWay(announced);
    const text = ipText(local.bytes);
    return text === announced ? {address: text} : {address: text, announced};
  });
  return {addresses: addresses.map(({bytes}) => ipText(bytes)), source, relays};
}

/** Link-local ones need a zone, which no client has. */
function relayable(interfaces: Interfaces | undefined): IpAddress[] {
  return interfaceAddresses(interfaces)
    .flatMap((text) => parseIp(text) ?? [])
    .filter(({bytes}) => !LINK_LOCAL.has(bytes));
}

function isPublic({bytes}: IpAddress): boolean {
  return isSpecialPurpose(bytes) === undefined;
}

function oneOfEach(addresses: readonly IpAddress[]): IpAddress[] {
  return [4, 6].flatMap((family) => addresses.find((address) => address.family === family) ?? []);
}

async function askStun(server: string, variable: string, signal: AbortSignal): Promise<StunBinding> {
  const url = parseIceUrl(server) ?? parseIceUrl(`stun:${server}`);
  if (url === undefined || url.scheme.startsWith('turn')) throw wrongServer(server);
  const {host, port, scheme} = url;
  const transport = scheme === 'stuns' ? 'tls' : 'udp';
  try {
    return await bindStun({host, port, transport, timeoutMs: ASK_TIMEOUT_MS, signal});
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof QuiverError)) throw error;
    throw unknown(variable, `, and ${server} could not be asked: ${error.message}`, error);
  }
}

function given(texts: readonly string[]): IpAddress[] {
  const addresses = texts.map((text) => {
    const address = parseIp(text);
    if (address === undefined || address.bytes.every((byte) => byte === 0)) throw wrong(text);
    return address;
  });
  if (addresses.length === 0) throw wrong('');
  return addresses.toSorted((a, b) => a.family - b.family);
}

function unknown(variable: string, asked: string, cause?: unknown): QuiverError {
  return new QuiverError({
    code: 'PUBLIC_ADDRESS_UNKNOWN',
    message: `No interface of this machine has a public address${asked}`,
    fix: `Say what it is: --public-ip ADDRESS, or export ${variable}=ADDRESS; or who sees it: --public-ip-from stun:stun.example`,
    cause,
  });
}

function wrong(text: string): QuiverError {
  return new QuiverError({
    code: 'PUBLIC_ADDRESS_WRONG',
    message: `${JSON.stringify(text)} is no IP address that others could reach this machine by`,
    fix: 'Give an address such as 203.0.113.7, or auto.',
    exit: EXIT.usage,
  });
}

function noWay(address: string): QuiverError {
  return new QuiverError({
    code: 'PUBLIC_ADDRESS_WRONG',
    message: `No interface of this machine has an address of the family of ${address}`,
    fix: 'Leave it out, or give the machine one: ip address',
    exit: EXIT.usage,
  });
}

function wrongServer(server: string): QuiverError {
  return new QuiverError({
    code: 'STUN_SERVER_WRONG',
    message: `${JSON.stringify(server)} is no STUN server`,
    fix: 'Write it like stun:stun.example:3478',
    exit: EXIT.usage,
  });
}
