import {isSpecialPurpose, parseIp} from '../../core/ip-address.ts';
import {canBeProxied, DNS_SERVICES, type DnsService} from '../model/services.ts';
import type {RecordSet} from '../model/record-set.ts';
import type {Finding, LintZone} from './finding.ts';

/** What may stand beside a CNAME: its own signatures (RFC 4034 section 2.5). */
const BESIDE_CNAME: ReadonlySet<string> = new Set(['CNAME', 'NSEC', 'RRSIG']);
const PROXIABLE: ReadonlySet<string> = new Set(['A', 'AAAA', 'CNAME']);

/** What is wrong with a set by itself or beside the others of its name. */
export function lintSets({zone, sets, byName}: LintZone): Finding[] {
  return sets.flatMap((set) => [
    ...(set.type === 'CNAME' ? besideCname(set, byName.get(set.name) ?? []) : []),
    ...(set.proxied ? proxied(set, zone) : []),
    ...addresses(set),
  ]);
}

function besideCname({name, type}: RecordSet, beside: readonly RecordSet[]): Finding[] {
  const others = beside.map((set) => set.type).filter((other) => !BESIDE_CNAME.has(other));
  if (others.length === 0) return [];
  const message = `stands beside ${others.join(', ')}, and a CNAME has to be alone`;
  return [{rule: 'cname-beside-others', name, type, message, fix: 'Give the addresses instead of the CNAME.'}];
}

function proxied({name, type}: RecordSet, zone: string): Finding[] {
  const about = {rule: 'not-proxiable' as const, name, type};
  if (!PROXIABLE.has(type)) {
    return [{...about, message: `${type} can't go through Cloudflare's proxy`, fix: 'Take the mark of the proxy off.'}];
  }
  const label = name.slice(0, -zone.length - 1);
  const service = DNS_SERVICES.find((each) => isCalled(each, label));
  if (service === undefined || canBeProxied(service)) return [];
  const message = `${service.label} is not HTTP on a port that Cloudflare proxies, so nobody would reach it`;
  return [{...about, message, fix: 'Take the mark of the proxy off (DNS only).'}];
}

function isCalled({label, aliases, numbered}: DnsService, name: string): boolean {
  return name === label || aliases.includes(name) || (numbered && name.replace(/\d+$/, '') === label);
}

function addresses({name, type, values}: RecordSet): Finding[] {
  if (type !== 'A' && type !== 'AAAA') return [];
  return values.flatMap((value) => {
    const bytes = parseIp(value)?.bytes;
    const block = bytes === undefined ? undefined : isSpecialPurpose(bytes);
    if (block === undefined) return [];
    const message = `${value} can't be reached over the internet: ${block}`;
    return [{rule: 'private-address' as const, name, type, message, fix: 'Give the public address of the host.'}];
  });
}
