import {EXIT, QuiverError} from '../../core/errors.ts';
import {toJson} from '../../core/json.ts';
import {buildApex, buildRecords} from '../build/zone.ts';
import {sortSets, type RecordSet} from '../model/record-set.ts';
import type {NameServer, Topology} from '../model/topology.ts';
import {writeBind} from './bind.ts';
import {writeCloudflareFile} from './cloudflare-file.ts';
import {writeOctodns} from './octodns.ts';
import {nextSerial, serialIn} from './serial.ts';
import {writeTerraform} from './terraform.ts';

export const ZONE_FORMATS = ['bind', 'cloudflare', 'json', 'terraform', 'octodns'] as const;
export type ZoneFormat = (typeof ZONE_FORMATS)[number];

export interface ExportOptions {
  format: ZoneFormat;
  /** Given, or found by `previous` and `date`. */
  serial?: number | undefined;
  /** What stands in the file that is to be replaced. */
  previous?: string | undefined;
  date: Date;
}

/**
 * The zone in one of the formats; the same text for the same topology and serial. A BIND file that replaces one keeps
 * its serial when nothing else changed, and has a higher one otherwise.
 * Throws usage errors: DNS_NAME_SERVER where a zone file has nobody to name, DNS_TOO_BIG and DNS_SERIAL.
 */
export function exportZone(topology: Topology, options: ExportOptions): string {
  const {zone, layout} = topology;
  const records = allRecords(topology);
  const about = `${zone}, ${layout} layout. Written by quiver dns export: change the topology, not this file.`;
  const zoneExport = {zone, apex: [], records, notes: [about]};
  const writers: Record<ZoneFormat, () => string> = {
    bind: () => bindZone(topology, options, zoneExport.notes),
    cloudflare: () => writeCloudflareFile(zoneExport),
    json: () => `${toJson({zone, layout, records}, 2)}\n`,
    terraform: () => writeTerraform(zoneExport),
    octodns: () => writeOctodns(zoneExport),
  };
  return writers[options.format]();
}

function bindZone(topology: Topology, {serial, previous, date}: ExportOptions, notes: readonly string[]): string {
  const named = topology.nameServers.length > 0;
  const nameServers = named ? topology.nameServers : [standInServer(topology)];
  const standIn = 'No name server was named, so ns1 stands in at the first host: --name-server names yours.';
  const write = (number: number): string =>
    writeBind({
      zone: topology.zone,
      apex: buildApex({...topology, nameServers}, number),
      records: allRecords(topology),
      notes: named ? notes : [...notes, standIn],
    });
  if (serial !== undefined) return write(serial);
  const before = previous === undefined ? undefined : serialIn(previous);
  if (before !== undefined && write(before) === previous) return previous;
  return write(nextSerial(before, date));
}

/** What is quiver's, and what the operator has beside it. Throws DNS_FIELD where both are at one place. */
function allRecords(topology: Topology): RecordSet[] {
  const {zone, others} = topology;
  const own = buildRecords(topology);
  const types = new Map([...Map.groupBy(own, ({name}) => name)].map(([name, sets]) => [name, sets.map(typeOf)]));
  for (const {name, type} of others) {
    const beside = types.get(name) ?? [];
    const clash = beside.includes(type) || beside.some((each) => (each === 'CNAME') !== (type === 'CNAME'));
    if (clash) throw misplaced(name, type, "quiver's own records are there", 'Take it out, or leave the service out.');
    if (name === zone && type === 'NS') throw misplaced(name, type, 'it has a setting', 'Move it to dns.name_servers.');
    if (name === zone && type === 'SOA') throw misplaced(name, type, 'quiver writes it', 'Take it out.');
  }
  return sortSets([...own, ...others]);
}

function typeOf({type}: RecordSet): string {
  return type;
}

function misplaced(name: string, type: string, why: string, fix: string): QuiverError {
  const message = `records: ${name} ${type} can't be exported, as ${why}`;
  return new QuiverError({code: 'DNS_FIELD', message, fix, exit: EXIT.usage});
}

/** A zone file without a name server is refused by every server; the first host may well run one. */
function standInServer({zone, nodes}: Topology): NameServer {
  const [target] = nodes.map((node) => node.target).filter(({kind}) => kind === 'addresses');
  if (target?.kind === 'addresses') {
    return {name: `ns1.${zone}`, addresses: [...target.ipv4.slice(0, 1), ...target.ipv6.slice(0, 1)]};
  }
  throw new QuiverError({
    code: 'DNS_NAME_SERVER',
    message: 'A zone file names its servers, and none is known',
    fix: `Name one: --name-server ns1.provider.example, or --name-server ns1=203.0.113.53 for one in ${zone}`,
    exit: EXIT.usage,
  });
}
