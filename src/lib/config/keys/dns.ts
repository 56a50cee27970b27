import {choice, list, text} from '../key.ts';

/** A line each for as many nodes as a zone can describe. */
const MAX_LINES = 10_000;

/** As many as a file of 16 MiB has, which is what is imported. */
const MAX_RECORDS = 1_000_000;

const SERVICES = 'gateway, signal, bootstrap, registry, relay, stun, turn';

/** The network as its operator describes it for DNS; `src/lib/dns/model/read-topology.ts` says what goes together. */
export const DNS_KEYS = {
  'dns.zone': text({description: 'Domain that the network has its names in', default: undefined, expects: 'a domain'}),
  'dns.layout': choice(['single', 'distributed', 'cloud'], {
    description: 'One host for all, an address for each service and node, or names of hosted platforms',
    default: 'single',
  }),
  'dns.services': list({
    description: 'Services that have names',
    default: ['gateway', 'signal', 'bootstrap', 'registry', 'relay', 'stun', 'turn'],
    expects: SERVICES,
  }),
  'dns.hosts': list({
    description: 'Addresses: gateway=203.0.113.10,2001:db8::10; nodes are numbered: relay1=…',
    default: [],
    expects: 'name=address lines',
    maxItems: MAX_LINES,
  }),
  'dns.regions': list({
    description: 'Where nodes stand: relay1=eu-west',
    default: [],
    expects: 'node=region lines',
    maxItems: MAX_LINES,
  }),
  'dns.peer_ids': list({
    description: 'Peer ids, for the list that libp2p joins by: bootstrap1=12D3KooW…',
    default: [],
    expects: 'node=peer id lines',
    maxItems: MAX_LINES,
  }),
  'dns.proxied': list({
    description: "Services behind Cloudflare's proxy, where that is the provider",
    default: ['gateway', 'signal'],
    expects: 'services that are served on a port that Cloudflare proxies',
  }),
  'dns.https': list({
    description: 'Services that answer HTTPS on 443 and get an HTTPS record',
    default: [],
    expects: 'gateway, signal',
  }),
  'dns.caa': list({
    description: 'Certificate authorities that may issue for the zone; an empty list leaves the CAA record out',
    default: ['letsencrypt.org'],
    expects: 'domains of certificate authorities',
  }),
  'dns.email': text({
    description: 'Who looks after the zone; unset: hostmaster of it',
    default: undefined,
    expects: 'an e-mail address',
  }),
  'dns.records': list({
    description: 'What the zone has besides, as lines of a zone file; exported with it, never applied',
    default: [],
    expects: 'lines such as "@ 3600 IN MX 10 mail.quiver.example."',
    maxItems: MAX_RECORDS,
  }),
  'dns.provider': text({
    description: 'Who serves the zone: cloudflare, rfc2136, file, or what a plugin offers',
    default: undefined,
    expects: 'cloudflare, rfc2136, file, or the name of a provider of a plugin',
    pattern: /^[a-z0-9-]{1,32}$/,
  }),
  'dns.server': text({
    description: 'Server that takes dynamic updates (provider rfc2136)',
    default: undefined,
    expects: 'host or host:port',
  }),
  'dns.tsig_key': text({
    description: 'Its key, as nsupdate takes it: [algorithm:]name:secret; unset: the file below',
    default: undefined,
    expects: '[hmac-sha256:]name:base64',
    secret: true,
  }),
  'dns.tsig_key_file': text({
    description: 'File (0600) with that line, or as tsig-keygen writes it',
    default: undefined,
  }),
  'dns.cloudflare_token_file': text({
    description: 'File (0600) with the token of Cloudflare; unset: CLOUDFLARE_API_TOKEN',
    default: undefined,
  }),
  'dns.zone_file': text({description: 'Zone file that a name server reads (provider file)', default: undefined}),
  'dns.name_servers': list({
    description: 'Name servers of the zone: a host elsewhere, or ns1=203.0.113.53 for one inside',
    default: [],
    expects: 'host names, or name=address lines',
  }),
} as const;
