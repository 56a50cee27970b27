import {CidrSet, ipText, parseIp} from '../../core/ip-address.ts';

/** This host, groups, everybody on a link, and what only means something on one link (RFC 6890). */
const NOWHERE = new CidrSet(['0.0.0.0/8', '224.0.0.0/4', '255.255.255.255/32', '::/128', 'fe80::/10', 'ff00::/8']);

/**
 * Whether nobody could reach a host by this address, on whatever network: mostly what something listens on (0.0.0.0),
 * or an IPv4 address in the form of IPv6 (RFC 4291 section 2.5.5.2), which no AAAA record may have.
 */
export function isNowhere(address: string): boolean {
  const bytes = parseIp(address)?.bytes;
  return bytes === undefined || NOWHERE.has(bytes) || (bytes.length === 16 && ipText(bytes).includes('.'));
}
