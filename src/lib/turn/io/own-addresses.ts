import {networkInterfaces} from 'node:os';

import {parseIp} from '../../core/ip-address.ts';

/** Addresses come and go with interfaces, and temporary IPv6 ones daily (RFC 8981); asking takes 100 µs. */
const KNOWN_FOR_MS = 10_000;

/** Whether this machine has an address, 4 or 16 bytes; asks the system when somebody asks here, at most each 10 s. */
export function ownAddresses(
  now: () => number,
  interfaces: typeof networkInterfaces = networkInterfaces,
): (address: Uint8Array) => boolean {
  let own = new Set<string>();
  let until = Number.NEGATIVE_INFINITY;
  return (address) => {
    if (now() >= until) {
      until = now() + KNOWN_FOR_MS;
      own = new Set(
        Object.values(interfaces()).flatMap((infos) => (infos ?? []).flatMap(({address: text}) => keyOf(text))),
      );
    }
    return own.has(Buffer.from(address).toString('latin1'));
  };
}

/** Link-local addresses are compared without their zone: they are no peers anyway. */
function keyOf(text: string): string[] {
  const ip = parseIp(text.replace(/%.*/u, ''));
  return ip === undefined ? [] : [Buffer.from(ip.bytes).toString('latin1')];
}
