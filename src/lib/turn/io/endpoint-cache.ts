import {ipText, parseIp} from '../../core/ip-address.ts';
import type {Endpoint} from '../../stun/endpoint.ts';
import {RecentAddresses} from './address-map.ts';

/** Peers and clients that talk at the same time, of one worker; a full cache takes about 5 MiB. */
const GENERATION_LIMIT = 8_192;
const IPV4_BYTES = 4;

/**
 * Endpoints by address and port: the same object for the same one as long as it is in use. Strangers choose what is
 * looked up, so it forgets; a forgotten endpoint gets a new object with the same `key`.
 */
export class EndpointCache {
  readonly #known: RecentAddresses<Endpoint>;

  constructor(generationLimit = GENERATION_LIMIT) {
    this.#known = new RecentAddresses(generationLimit);
  }

  /** From the wire: 4 or 16 bytes in network order. */
  fromBytes(bytes: Uint8Array, port: number): Endpoint {
    const text = bytes.length === IPV4_BYTES ? `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}` : ipText(bytes);
    return this.fromText(text, port);
  }

  /** From the system: an IP address without brackets; a zone, which an endpoint doesn't have, is left out. */
  fromText(address: string, port: number): Endpoint {
    const known = this.#known.get(address, port);
    if (known !== undefined) return known;
    const endpoint = createEndpoint(address, port);
    this.#known.set(address, port, endpoint);
    return endpoint;
  }
}

/** Throws where the text is not an IP address: nothing but the system and our own settings may be the source. */
export function createEndpoint(text: string, port: number): Endpoint {
  const zone = text.indexOf('%');
  const parsed = parseIp(zone === -1 ? text : text.slice(0, zone));
  if (parsed === undefined) throw new TypeError(`"${text}" is not an IP address`);
  const address = ipText(parsed.bytes);
  return {...parsed, address, port, key: parsed.family === 4 ? `${address}:${port}` : `[${address}]:${port}`};
}
