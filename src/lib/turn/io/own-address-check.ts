import {interfaceAddresses, type Interfaces} from '../../core/interface-addresses.ts';
import {parseIp} from '../../core/ip-address.ts';

/** Addresses come and go with interfaces, and temporary IPv6 ones daily (RFC 8981); asking takes 100 µs. */
const KNOWN_FOR_MS = 10_000;

/** Whether this machine has an address, 4 or 16 bytes; asks the system when somebody asks here, at most each 10 s. */
export function ownAddressCheck(now: () => number, interfaces?: Interfaces): (address: Uint8Array) => boolean {
  let own = new Set<string>();
  let until = Number.NEGATIVE_INFINITY;
  return (address) => {
    if (now() >= until) {
      until = now() + KNOWN_FOR_MS;
      own = new Set(
        interfaceAddresses(interfaces)
          .flatMap((text) => parseIp(text) ?? [])
          .map(({bytes}) => keyOf(bytes)),
      );
    }
    return own.has(keyOf(address));
  };
}

function keyOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
