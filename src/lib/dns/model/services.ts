/** Something with a name of its own in the zone. */
export interface DnsService {
  /** The label below the zone. */
  readonly label: string;
  /** Further labels for the same thing. */
  readonly aliases: readonly string[];
  /** There are numbered ones (`relay1`, `relay2`, …), and the label itself stands for all of them. */
  readonly numbered: boolean;
  /** Where it answers HTTP; undefined when it speaks something else. */
  readonly httpPort?: number;
}

/** In the order in which they are asked for and listed; ports are quiver's defaults. */
export const DNS_SERVICES = [
  {label: 'gateway', aliases: ['gw', 'api-gw'], numbered: false, httpPort: 443},
  {label: 'signal', aliases: ['signaling', 'ws', 'wss'], numbered: false, httpPort: 443},
  {label: 'bootstrap', aliases: [], numbered: true},
  {label: 'registry', aliases: [], numbered: false, httpPort: 8082},
  {label: 'relay', aliases: [], numbered: true},
  {label: 'stun', aliases: [], numbered: false},
  {label: 'turn', aliases: [], numbered: false},
] as const satisfies readonly DnsService[];

export type ServiceLabel = (typeof DNS_SERVICES)[number]['label'];

export const SERVICE_LABELS: readonly ServiceLabel[] = DNS_SERVICES.map(({label}) => label);

/** Ports that Cloudflare's proxy serves HTTP and HTTPS on (developers.cloudflare.com/fundamentals/reference/network-ports). */
const PROXIED_PORTS: ReadonlySet<number> = new Set([
  80, 443, 2052, 2053, 2082, 2083, 2086, 2087, 2095, 2096, 8080, 8443, 8880,
]);

export function dnsService(label: ServiceLabel): DnsService {
  const found = DNS_SERVICES.find((service) => service.label === label);
  if (found === undefined) throw new TypeError(`no such service: ${label}`);
  return found;
}

/** Only HTTP on a port that Cloudflare passes on can be behind its proxy. */
export function canBeProxied({httpPort}: DnsService): boolean {
  return httpPort !== undefined && PROXIED_PORTS.has(httpPort);
}
