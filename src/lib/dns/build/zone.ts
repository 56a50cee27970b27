import {rdata, recordSet, sortSets, type RecordSet} from '../model/record-set.ts';
import type {NameServer, Topology} from '../model/topology.ts';
import {addressRecords} from './addresses.ts';
import {dnsaddrRecords} from './dnsaddr.ts';
import {ownershipOf, ownershipRecord, type SharedSet} from './ownership.ts';
import {caaRecords, httpsRecords, naptrRecords, srvRecords} from './services.ts';
import {ADDRESS_TTL_SECONDS, STABLE_TTL_SECONDS} from './ttl.ts';

/** Refresh, retry, expire and negative caching as RIPE-203 recommends, the last one short as new nodes come and go. */
const SOA_TIMERS = '86400 7200 3600000 300';

/** Everything that quiver puts into a zone, SOA and NS apart; sorted, the same for the same topology. */
export function buildRecords(topology: Topology): RecordSet[] {
  const shared: [SharedSet, RecordSet[]][] = [
    ['srv', srvRecords(topology)],
    ['naptr', naptrRecords(topology)],
    ['caa', caaRecords(topology)],
  ];
  const present = shared.filter(([, sets]) => sets.length > 0);
  return sortSets([
    ...addressRecords(topology),
    ...httpsRecords(topology),
    ...dnsaddrRecords(topology),
    ...present.flatMap(([, sets]) => sets),
    ownershipRecord(
      topology.zone,
      ownershipOf(
        topology,
        present.map(([name]) => name),
      ),
    ),
  ]);
}

/** SOA, NS and the addresses of name servers inside the zone: what a zone file needs besides. */
export function buildApex({zone, nameServers, email}: Topology, serial: number): RecordSet[] {
  const [primary] = nameServers;
  if (primary === undefined) throw new TypeError('a zone has at least one name server');
  const mailbox = (email ?? `hostmaster@${zone}`).split('@');
  const contact = `${(mailbox[0] ?? '').replaceAll('.', '\\.')}.${mailbox[1] ?? ''}.`;
  const soa = `${primary.name}. ${contact} ${serial} ${SOA_TIMERS}`;
  return [
    recordSet(zone, 'SOA', STABLE_TTL_SECONDS, [soa]),
    recordSet(
      zone,
      'NS',
      STABLE_TTL_SECONDS,
      nameServers.map(({name}) => rdata.name(name)),
    ),
    ...nameServers.filter(({name}) => name.endsWith(`.${zone}`)).flatMap(glue),
  ];
}

function glue({name, addresses}: NameServer): RecordSet[] {
  const six = addresses.filter((address) => address.includes(':'));
  const four = addresses.filter((address) => !address.includes(':'));
  return [
    recordSet(name, 'A', ADDRESS_TTL_SECONDS, four),
    recordSet(name, 'AAAA', ADDRESS_TTL_SECONDS, six),
  ].filter(({values}) => values.length > 0);
}
