import {splitFields} from '../model/fields.ts';
import type {RecordSet} from '../model/record-set.ts';
import type {Finding, LintZone} from './finding.ts';

/** Where in the data the name of another host stands. */
const TARGET_FIELD = new Map([
  ['CNAME', 0],
  ['HTTPS', 1],
  ['MX', 1],
  ['NAPTR', 5],
  ['NS', 0],
  ['SRV', 3],
  ['SVCB', 1],
]);

/** These may not lead to an alias (RFC 2181 section 10.3, RFC 2782). */
const NO_ALIAS: ReadonlySet<string> = new Set(['MX', 'NS', 'SRV']);

/** Networks whose bootstraps speak another DHT protocol than quiver's. */
const FOREIGN_NETWORKS = ['libp2p.io', 'ipfs.io', 'ipfs.tech', 'dweb.link', 'filecoin.io', 'polkadot.io'];

/** Targets that aren't there, that are aliases where none may be, and that belong to another network. */
export function lintTargets({zone, sets, byName}: LintZone): Finding[] {
  return sets.flatMap((set) =>
    set.values.flatMap((value): Finding[] => {
      const target = targetOf(set, value);
      if (target === undefined || target === '') return [];
      const about = {name: set.name, type: set.type};
      const foreign = foreignNetwork(target);
      if (foreign !== undefined && set.type === 'CNAME' && /^bootstrap\d*\./.test(set.name)) {
        const message = `leads to ${target}, whose network doesn't speak the DHT protocol of quiver`;
        return [{...about, rule: 'foreign-bootstrap', message, fix: 'Give the address of a bootstrap of your own.'}];
      }
      if (target !== zone && !target.endsWith(`.${zone}`)) return [];
      const there = byName.get(target);
      if (there === undefined) {
        if (isCovered(target, zone, byName)) return [];
        const message = `leads to ${target}, and the zone has no such name`;
        return [{...about, rule: 'dangling-target', message, fix: `Add ${target}, or take this record out.`}];
      }
      const alias = there.find(({type}) => type === 'CNAME');
      if (alias === undefined || !NO_ALIAS.has(set.type)) return [];
      const message = `leads to ${target}, which is an alias; resolvers may refuse it`;
      return [{...about, rule: 'target-is-alias', message, fix: `Name ${alias.values[0] ?? ''} itself.`}];
    }),
  );
}

/** By a wildcard, or by a zone below this one, whose names are elsewhere. */
function isCovered(name: string, zone: string, byName: LintZone['byName']): boolean {
  for (let at = name; at !== zone && at.includes('.');) {
    if (byName.get(at)?.some(({type}) => type === 'NS' || type === 'DNAME')) return true;
    at = at.slice(at.indexOf('.') + 1);
    if (byName.has(`*.${at}`)) return true;
  }
  return false;
}

function targetOf({type}: RecordSet, value: string): string | undefined {
  const field = TARGET_FIELD.get(type);
  return field === undefined ? undefined : splitFields(value)[field]?.text.replace(/\.$/, '');
}

function foreignNetwork(target: string): string | undefined {
  return FOREIGN_NETWORKS.find((network) => target === network || target.endsWith(`.${network}`));
}
