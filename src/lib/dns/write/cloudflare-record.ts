import {splitFields, txtText} from '../model/fields.ts';
import {quote, rdata} from '../model/record-set.ts';

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

/** The other way round: a value of a RecordSet. */
export function fromCloudflare({type, content = '', priority, data}: CloudflareRecord): string {
  const field = (name: string): string => {
    const found =
      typeof data === 'object' && data !== null ? new Map<string, unknown>(Object.entries(data)).get(name) : '';
    return typeof found === 'string' || typeof found === 'number' ? String(found) : '';
  };
  const host = (name: string): string => (field(name) === '.' ? '.' : rdata.name(undotted(field(name).toLowerCase())));
  switch (type) {
    case 'CNAME':
    case 'NS':
      return rdata.name(undotted(content.toLowerCase()));
    case 'MX':
      return `${priority ?? 0} ${rdata.name(undotted(content.toLowerCase()))}`;
    case 'TXT':
      // Older records have their text without quotes.
      return rdata.txt(content.startsWith('"') ? txtText(content) : content);
    case 'SRV':
      return [field('priority'), field('weight'), field('port'), host('target')].join(' ');
    case 'NAPTR': {
      const quoted = ['flags', 'service', 'regex'].map((name) => quote(field(name)));
      return [field('order'), field('preference'), ...quoted, host('replacement')].join(' ');
    }
    case 'CAA':
      return [field('flags'), field('tag'), quote(field('value'))].join(' ');
    case 'HTTPS':
    case 'SVCB':
      return [field('priority'), host('target'), field('value').replaceAll('"', '')].join(' ').trimEnd();
    default:
      return content;
  }
}

function undotted(name: string): string {
  return name.replace(/\.$/, '');
}
