import {multiaddrs} from '../build/dnsaddr.ts';
import {serverPorts} from '../build/services.ts';
import {nodeLabel, type DnsNode, type Topology} from '../model/topology.ts';
import {bind, dial, health, type ContactContext} from './contacts.ts';
import {inParallel} from './in-parallel.ts';
import {statusOf, type Contact, type ServiceCheck} from './report.ts';

/** Nodes contacted at a time: 500 that are all silent take a minute. */
const AT_ONCE = 64;
const REGISTRY_PORT = 8082;

/** Contacts everything that the zone leads to; `onProgress` is told after each node. */
export function checkServices(
  topology: Topology,
  context: ContactContext,
  onProgress: () => void,
): Promise<ServiceCheck[]> {
  return inParallel(AT_ONCE, topology.nodes, async (node) => {
    const contacts = await Promise.all(contactsOf(node, topology, context));
    onProgress();
    const status = statusOf(contacts);
    const fix = fixFor(node, status, contacts);
    return {label: nodeLabel(node), status, contacts, ...(fix !== undefined && {fix})};
  });
}

function contactsOf(node: DnsNode, topology: Topology, context: ContactContext): Promise<Contact>[] {
  const {zone, ports} = topology;
  const host = node.target.kind === 'hostname' ? node.target.hostname : `${nodeLabel(node)}.${zone}`;
  const page = `${nodeLabel(node)}.${zone}`;
  const {service} = node;
  if (service === 'gateway' || service === 'signal') return [health(new URL(`https://${page}/healthz`), context)];
  if (service === 'registry') return [health(new URL(`http://${page}:${REGISTRY_PORT}/healthz`), context)];
  if (service === 'bootstrap' || service === 'relay') {
    return multiaddrs(node, ports[service])
      .filter((address) => context.dialler.canDial(address))
      .map((address) => dial(address, context));
  }
  const served = serverPorts(topology, service);
  return (['udp', 'tcp', 'tls'] as const).flatMap((transport) => {
    const port = served[transport];
    const scheme = transport === 'tls' ? (`${service}s` as const) : service;
    return port === undefined ? [] : [bind({scheme, host, port, transport}, context)];
  });
}

function fixFor(node: DnsNode, status: ServiceCheck['status'], contacts: readonly Contact[]): string | undefined {
  const {service, peerId} = node;
  if (status === 'up') return undefined;
  if (contacts.length === 0 && peerId === undefined) {
    return `Its peer id is not known: --peer-id ${nodeLabel(node)}=12D3KooW…`;
  }
  if (contacts.some(({detail}) => detail?.startsWith('the resolver'))) return 'Ask another server: --resolver';
  if (contacts.every(({result}) => result === 'unnamed')) return 'Its name is not in the zone yet: quiver dns plan';
  if (status === 'not deployed') {
    // Quiver has no gateway and no registry to start yet.
    const start = service === 'gateway' || service === 'registry' ? '' : `Start it there: quiver ${service} start; or `;
    return `${start}leave it out of dns.services`;
  }
  const wrongPeer = contacts.some(({detail}) => /peer id|unexpected peer/i.test(detail ?? ''));
  if (wrongPeer) return 'Another peer answers there: correct dns.peer_ids, or restore its key.';
  const wrongCertificate = contacts.some(({detail}) => /certificate/i.test(detail ?? ''));
  return wrongCertificate
    ? 'Renew its certificate, or give it one for this name.'
    : 'Look at the service and at the firewall before it: quiver status, quiver doctor';
}
