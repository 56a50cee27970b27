import {txtText} from '../model/fields.ts';
import type {RecordSet} from '../model/record-set.ts';
import {inParallel} from './in-parallel.ts';
import type {RecordCheck} from './report.ts';
import type {ZoneResolver} from './resolver.ts';

const AT_ONCE = 16;
const MAX_DETAIL_CHARACTERS = 160;

/** Asks for each set; behind Cloudflare's proxy only whether there is something, since its own addresses are told. */
export function checkRecords(
  sets: readonly RecordSet[],
  resolver: ZoneResolver,
  signal: AbortSignal,
): Promise<RecordCheck[]> {
  return inParallel(AT_ONCE, sets, async (set) => {
    const {name, type, values} = set;
    const about = {name, type};
    try {
      const asked = set.proxied && type === 'CNAME' ? 'A' : type;
      const found = await resolver.resolve(name, asked, signal);
      if (found.length === 0) return {...about, status: 'missing' as const};
      if (set.proxied || plain(found) === plain(values)) return {...about, status: 'as wanted' as const};
      const detail = `${found.join(', ').slice(0, MAX_DETAIL_CHARACTERS)} instead`;
      return {...about, status: 'differs' as const, detail};
    } catch (error) {
      signal.throwIfAborted();
      return {...about, status: 'unknown' as const, detail: error instanceof Error ? error.message : String(error)};
    }
  });
}

/** Servers may cut the strings of a text elsewhere. */
function plain(values: readonly string[]): string {
  return values.map((value) => (value.startsWith('"') ? txtText(value) : value)).join('\n');
}
