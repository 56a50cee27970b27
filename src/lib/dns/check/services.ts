import {multiaddrs} from '../build/dnsaddr.ts';
import {serverPorts} from '../build/services.ts';
import {nodeLabel, type DnsNode, type Topology} from '../model/topology.ts';
import {bind, dial, health, type ContactContext} from './contacts.ts';
import {inParallel} from './in-parallel.ts';
import {statusOf, type Contact, type ServiceCheck} from './report.ts';

/** Contacts at a time, a socket or two each: 1,000 nodes that are all silent on three transports take a minute. */
const AT_ONCE = 256;
const REGISTRY_PORT = 8082;

type Try = () => Promise<Contact>;

/** Contacts everything that the zone leads to; `onProgress` is told after each contact. */
export async function checkServices(
  topology: Topology,
  context: ContactContext,
  onProgress: (done: number, all: number) => void,
): Promise<ServiceCheck[]> {
  const tries = topology.nodes.flatMap((node) => triesOf(node, topology, context).map((run) => ({node, run})));
  let done = 0;
  const found = await inParallel(AT_ONCE, tries, async ({node, run}) => {
    const contact = await run();
    onProgress((done += 1), tries.length);
    return {node, contact};
  });
  const byNode = Map.groupBy(found, ({node}) => node);
  return topology.nodes.map((node) => {
    const contacts = (byNode.get(node) ?? []).map(({contact}) => contact);
    const status = statusOf(contacts);
    const fix = fixFor(node, status, contacts);
    return {label: nodeLabel(node), status, contacts, ...(fix !== undefined && {fix})};
  });
}

function triesOf(node: DnsNode, topology: Topology, context: ContactContext): Try[] {
  const {zone, ports} = topology;
  const host = node.target.kind === 'hostname' ? node.target.hostname : `${nodeLabel(node)}.${zone}`;
  const page = `${nodeLabel(node)}.${zone}`;
  const {service} = node;
  if (service === 'gateway' || service === 'signal') return [() => health(new URL(`https://${page}/healthz`), context)];
  if (service === 'registry') return [() => health(new URL(`http://${page}:${REGISTRY_PORT}/healthz`), context)];
  if (service === 'bootstrap' || service === 'relay') {
    return multiaddrs(node, ports[service])
      .filter((address) => context.dialler.canDial(address))
      .map((address) => () => dial(address, context));
  }
  const served = serverPorts(topology, service);
  return (['udp', 'tcp', 'tls'] as const).flatMap((transport) => {
    const port = served[transport];
    const scheme = transport === 'tls' ? (`${service}s` as const) : service;
    return port === undefined ? [] : [() => bind({scheme, host, port, transport}, context)];
  });
}

function fixFor(node: DnsNode, status: ServiceCheck['status'], contacts: readonly Contact[]): string | undefined {
  const {service, peerId} = node;
  if (status === 'up') return undefined;
  if (contacts.length === 0) {
    return peerId === undefined && (service === 'bootstrap' || service === 'relay')
      ? `Its peer id is not known: --peer-id ${nodeLabel(node)}=12D3KooW…`
      : `None of its ports is known: quiver config set ${service}.port PORT`;
  }
  if (contacts.some(({detail}) => detail?.startsWith('the resolver'))) return 'Ask another server: --resolver';
  if (contacts.every(({result}) => result === 'unnamed')) return 'Its name is not in the zone yet: quiver dns plan';
  if (status === 'not deployed') {
    // Quiver has no gateway and no registry to start yet.
    if (service === 'gateway' || service === 'registry') return 'Take it out of dns.services';
    return `Start it (quiver ${service} start), or take it out of dns.services`;
  }
  const wrongPeer = contacts.some(({detail}) => /peer id|unexpected peer/i.test(detail ?? ''));
  if (wrongPeer) return 'Another peer answers there: correct dns.peer_ids, or restore its key.';
  const wrongCertificate = contacts.some(({detail}) => /certificate/i.test(detail ?? ''));
  return wrongCertificate
    ? 'Renew its certificate, or give it one for this name.'
    : 'Look at the service and at the firewall before it: quiver status, quiver doctor';
}
