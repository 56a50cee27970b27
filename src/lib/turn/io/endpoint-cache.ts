import {ipText} from '../../core/ip-address.ts';
import {parseEndpoint} from '../../stun/endpoint.ts';
import type {Endpoint} from '../../stun/endpoint.ts';
import {RecentAddresses} from './address-map.ts';

/** Peers that are talked to at the same time by the clients of one worker; a full cache takes about 3 MiB. */
const GENERATION_LIMIT = 4_096;
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
    const endpoint = endpointOf(address, port);
    this.#known.set(address, port, endpoint);
    return endpoint;
  }
}

/** Throws where the text is not an IP address: nothing but the system and our own settings may be the source. */
export function endpointOf(address: string, port: number): Endpoint {
  const endpoint = parseEndpoint(address, port);
  if (endpoint === undefined) throw new TypeError(`"${address}" is not an IP address`);
  return endpoint;
}
