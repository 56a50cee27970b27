import {ipText, parseIp} from '../../core/ip-address.ts';
import {splitFields, txtText} from '../model/fields.ts';
import {quote, rdata, type RecordSet} from '../model/record-set.ts';

/** Means automatic, which it is behind the proxy whatever was asked for. */
const AUTOMATIC_TTL = 1;

/** Sets as Cloudflare has them: it makes the HTTPS records of proxied names itself, and their TTL is automatic. */
export function forCloudflare(sets: readonly RecordSet[]): RecordSet[] {
  const proxied = new Set(sets.filter((set) => set.proxied).map(({name}) => name));
  return sets
    .filter(({name, type}) => !(type === 'HTTPS' && proxied.has(name)))
    .map((set) => (set.proxied ? {...set, ttlSeconds: AUTOMATIC_TTL} : set));
}

export type CloudflareContent =
  | {content: string; priority?: number}
  | {data: Readonly<Record<string, string | number>>; priority?: number};

/** The data of a record as Cloudflare's API and its Terraform provider take it: in one text, or field by field. */
export function cloudflareContent(type: string, value: string): CloudflareContent {
  const [a = '', b = '', c = '', d = '', e = '', f = ''] = splitFields(value).map(({text}) => text);
  switch (type) {
    case 'CNAME':
    case 'NS':
      return {content: undotted(a)};
    case 'MX':
      return {content: undotted(b), priority: Number(a)};
    case 'TXT':
      return {content: quote(txtText(value))};
    case 'SRV': {
      const priority = Number(a);
      return {priority, data: {priority, weight: Number(b), port: Number(c), target: undotted(d)}};
    }
    case 'NAPTR': {
      const [order, preference] = [Number(a), Number(b)];
      return {data: {order, preference, flags: c, service: d, regex: e, replacement: undotted(f)}};
    }
    case 'CAA':
      return {data: {flags: Number(a), tag: b, value: c}};
    case 'HTTPS':
    case 'SVCB':
      return {data: {priority: Number(a), target: b, value: value.split(' ').slice(2).join(' ')}};
    default:
      return {content: value};
  }
}

/** What the API tells of a record. */
export interface CloudflareRecord {
  readonly type: string;
  readonly content?: string | undefined;
  readonly priority?: number | undefined;
  readonly data?: unknown;
}

/** The fields of data in the order of a zone file: all of a type's, which `content` holds where there is no data. */
const DATA_FIELDS: ReadonlyMap<string, readonly string[]> = new Map([
  ['CAA', ['flags', 'tag', 'value']],
  ['HTTPS', ['priority', 'target', 'value']],
  ['NAPTR', ['order', 'preference', 'flags', 'service', 'regex', 'replacement']],
  ['SRV', ['priority', 'weight', 'port', 'target']],
  ['SVCB', ['priority', 'target', 'value']],
]);

/** The other way round: a value of a RecordSet. */
export function fromCloudflare(record: CloudflareRecord): string {
  const {type, content = '', priority} = record;
  const names = DATA_FIELDS.get(type);
  if (names !== undefined) return fromData(type, dataOf(record, names));
  switch (type) {
    case 'A':
    case 'AAAA': {
      const address = parseIp(content);
      return address === undefined ? content : ipText(address.bytes);
    }
    case 'CNAME':
    case 'NS':
      return host(content);
    case 'MX':
      return `${priority ?? 0} ${host(content)}`;
    case 'TXT':
      // Older records have their text without quotes.
      return rdata.txt(content.startsWith('"') ? txtText(content) : content);
    default:
      return content;
  }
}

function fromData(type: string, [a = '', b = '', c = '', d = '', e = '', f = '']: readonly string[]): string {
  switch (type) {
    case 'CAA':
      return [a, b, quote(c)].join(' ');
    case 'SRV':
      return [a, b, c, host(d)].join(' ');
    case 'NAPTR':
      return [a, b, quote(c), quote(d), quote(e), host(f)].join(' ');
    default:
      return [a, host(b), c.replaceAll('"', '')].join(' ').trimEnd();
  }
}

function dataOf({type, content = '', priority, data}: CloudflareRecord, names: readonly string[]): string[] {
  if (typeof data === 'object' && data !== null) {
    const fields = new Map<string, unknown>(Object.entries(data));
    return names.map((name) => {
      const found = fields.get(name) ?? (name === 'priority' ? priority : '');
      return typeof found === 'string' || typeof found === 'number' ? String(found) : '';
    });
  }
  const words = splitFields(content).map(({text}) => text);
  // The priority of SRV stands beside its content.
  const whole = type === 'SRV' && words.length < names.length ? [String(priority ?? 0), ...words] : words;
  return [...whole.slice(0, names.length - 1), whole.slice(names.length - 1).join(' ')];
}

function host(name: string): string {
  return name === '.' ? '.' : rdata.name(undotted(name.toLowerCase()));
}

function undotted(name: string): string {
  return name.replace(/\.$/, '');
}
