import {splitFields, txtText} from '../model/fields.ts';
import {readHostName} from '../model/names.ts';
import {isNowhere} from '../model/nowhere.ts';
import {MAX_ADDRESSES} from '../model/read-topology.ts';
import {bySet, type RecordSet} from '../model/record-set.ts';

/** An alias of an alias is followed this often. */
const MAX_ALIASES = 4;

/** The sets of a zone by the part of their name that is below it, for whoever guesses what they stand for. */
export class ZoneView {
  readonly zone: string;
  readonly #sets: ReadonlyMap<string, RecordSet>;

  constructor(zone: string, sets: readonly RecordSet[]) {
    this.zone = zone;
    this.#sets = bySet(sets);
  }

  get sets(): Iterable<RecordSet> {
    return this.#sets.values();
  }

  get(label: string, type: string): readonly string[] | undefined {
    const name = label === '' ? this.zone : `${label}.${this.zone}`;
    return this.#sets.get(`${name} ${type}`)?.values;
  }

  /** Of a host, none where they can't be one's: too many of them, or such as nobody reaches. */
  addresses(label: string): string[] {
    const families = ['A', 'AAAA'].map((type) => this.get(label, type) ?? []);
    const all = families.flat();
    return families.some(({length}) => length > MAX_ADDRESSES) || all.some(isNowhere) ? [] : all;
  }

  /** Addresses, or the host that a CNAME names; a CNAME within the zone is followed, as an alias may be the real name. */
  target(label: string, depth = 0): string | undefined {
    const addresses = this.addresses(label);
    if (addresses.length > 0) return addresses.join(',');
    const alias = this.get(label, 'CNAME')?.[0]?.slice(0, -1);
    if (alias === undefined || !isHostName(alias)) return undefined;
    if (!alias.endsWith(`.${this.zone}`)) return alias;
    return depth < MAX_ALIASES ? this.target(alias.slice(0, -this.zone.length - 1), depth + 1) : undefined;
  }

  isProxied(label: string): boolean {
    const name = `${label}.${this.zone}`;
    return ['A', 'AAAA', 'CNAME'].some((type) => this.#sets.get(`${name} ${type}`)?.proxied);
  }

  /** Who may issue, and whom to write to: only if that is all the set says, else it is not for us to write. */
  caa(): {certificateAuthorities: string[]; email: string | undefined} {
    const certificateAuthorities: string[] = [];
    const emails: string[] = [];
    for (const value of this.get('', 'CAA') ?? []) {
      const [flags, tag, text = ''] = splitFields(value).map((field) => field.text);
      const [, email] = /^mailto:([\w.+-]+@[\w.-]+)$/.exec(text) ?? [];
      if (flags === '0' && tag === 'issue' && isHostName(text)) certificateAuthorities.push(text);
      else if (flags === '0' && tag === 'iodef' && email !== undefined) emails.push(email);
      else return {certificateAuthorities: [], email: undefined};
    }
    return emails.length > 1
      ? {certificateAuthorities: [], email: undefined}
      : {certificateAuthorities, email: emails[0]};
  }

  /** The multiaddrs listed below `_dnsaddr.<label>`. */
  dnsaddr(label: string): string[] {
    return (this.get(`_dnsaddr.${label}`, 'TXT') ?? [])
      .map(txtText)
      .filter((text) => text.startsWith('dnsaddr='))
      .map((text) => text.slice('dnsaddr='.length));
  }
}

/** Whether a host can be called so; others use underscores, and more. */
export function isHostName(text: string): boolean {
  try {
    return readHostName(text, '') === text.toLowerCase();
  } catch {
    return false;
  }
}
