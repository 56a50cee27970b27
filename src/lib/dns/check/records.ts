import {CidrSet, parseIp} from '../../core/ip-address.ts';
import {txtText} from '../model/fields.ts';
import {compareText, type RecordSet} from '../model/record-set.ts';
import {inParallel} from './in-parallel.ts';
import type {RecordCheck} from './report.ts';
import type {ZoneResolver} from './resolver.ts';

const AT_ONCE = 16;
const MAX_DETAIL_CHARACTERS = 160;

/** What names behind Cloudflare's proxy lead to (www.cloudflare.com/ips). */
const CLOUDFLARE = new CidrSet(
  (
    '103.21.244.0/22 103.22.200.0/22 103.31.4.0/22 104.16.0.0/13 104.24.0.0/14 108.162.192.0/18 131.0.72.0/22 ' +
    '141.101.64.0/18 162.158.0.0/15 172.64.0.0/13 173.245.48.0/20 188.114.96.0/20 190.93.240.0/20 197.234.240.0/22 ' +
    '198.41.128.0/17 2400:cb00::/32 2405:8100::/32 2405:b500::/32 2606:4700::/32 2803:f800::/32 2a06:98c0::/29 ' +
    '2c0f:f248::/32'
  ).split(' '),
);

/** Asks for each set. Names behind Cloudflare's proxy may lead to its addresses, and aliases may have been followed. */
export function checkRecords(
  sets: readonly RecordSet[],
  resolver: ZoneResolver,
  {deadline, signal}: {deadline: AbortSignal; signal: AbortSignal},
): Promise<RecordCheck[]> {
  const proxied = new Set(sets.filter((set) => set.proxied).map(({name}) => name));
  return inParallel(AT_ONCE, sets, async (set) => {
    const {name, type, values} = set;
    const about = {name, type};
    if (deadline.aborted) return {...about, status: 'unknown' as const, detail: 'the check took too long'};
    try {
      const found = await resolver.resolve(name, type, signal);
      if (plain(found) === plain(values)) return {...about, status: 'as wanted' as const};
      if (proxied.has(name) && (await isAtCloudflare(name, resolver, signal))) {
        return {...about, status: 'as wanted' as const};
      }
      if (type === 'CNAME' && found.length === 0 && (await isFlattened(set, resolver, signal))) {
        return {...about, status: 'as wanted' as const};
      }
      if (found.length === 0) return {...about, status: 'missing' as const};
      const detail = `${found.join(', ').slice(0, MAX_DETAIL_CHARACTERS)} instead`;
      return {...about, status: 'differs' as const, detail};
    } catch (error) {
      signal.throwIfAborted();
      return {...about, status: 'unknown' as const, detail: error instanceof Error ? error.message : String(error)};
    }
  });
}

async function isAtCloudflare(name: string, resolver: ZoneResolver, signal: AbortSignal): Promise<boolean> {
  const addresses = (await resolver.addresses(name, signal)).map((address) => parseIp(address)?.bytes);
  return addresses.length > 0 && addresses.every((bytes) => bytes !== undefined && CLOUDFLARE.has(bytes));
}

/** Some providers answer with what an alias leads to instead of the alias. */
async function isFlattened({name, values}: RecordSet, resolver: ZoneResolver, signal: AbortSignal): Promise<boolean> {
  const target = (values[0] ?? '').replace(/\.$/, '');
  const [here, there] = await Promise.all([name, target].map((each) => resolver.addresses(each, signal)));
  return here !== undefined && here.length > 0 && here.join() === there?.join();
}

/** Servers may cut the strings of a text elsewhere. */
function plain(values: readonly string[]): string {
  const texts = values.map((value) => (value.startsWith('"') ? txtText(value) : value));
  return texts.toSorted(compareText).join('\n');
}
