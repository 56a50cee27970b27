import {networkInterfaces, type NetworkInterfaceInfo} from 'node:os';

export type Interfaces = () => NodeJS.Dict<NetworkInterfaceInfo[]>;

/** Addresses of this machine's interfaces as text without zones, in the system's order, those of loopback last. */
export function interfaceAddresses(interfaces: Interfaces = networkInterfaces): string[] {
  return Object.values(interfaces())
    .flatMap((infos) => infos ?? [])
    .toSorted((a, b) => Number(a.internal) - Number(b.internal))
    .map(({address}) => address.replace(/%.*/u, ''));
}

/** Whether a socket that listens there does so on all addresses of its family. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** An address at which a socket that listens on `host` can be called from this machine. */
export function dialable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}
