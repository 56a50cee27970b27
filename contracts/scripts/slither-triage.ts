// Which of Slither's findings are explained: contracts/docs/slither.triage.json, and the page that is made from it.
import {readFileSync} from 'node:fs';
import path from 'node:path';

import {CONTRACTS_FOLDER} from './sources.ts';

const FILE = path.join(CONTRACTS_FOLDER, 'docs', 'slither.triage.json');

const HEAD = `# Slither

\`npm run contracts:slither\` runs every detector over \`contracts/src\` and fails on any finding that is not in this list,
and on any entry of the list that is no longer found. The list is \`slither.triage.json\`; this page is written from it by
\`node contracts/scripts/slither.ts --write\`. Slither is a Python package: \`pip install slither-analyzer\`. It needs no
compiler: the npm one writes a build-info that it reads.
`;

/** As Slither's report has it, reduced to what is used here. */
export interface Finding {
  check: string;
  impact: string;
  description: string;
  elements: Element[];
}

interface Element {
  type: string;
  name: string;
  source_mapping: {filename_relative: string};
  type_specific_fields?: {parent?: Element};
}

export interface Explanation {
  detector: string;
  /** `Contract.function` or `Contract.variable`, as `placeOf` gives it, so that lines may move. */
  place: string;
  /** How many findings of this detector there are at this place: one more needs a look. */
  count: number;
  why: string;
}

export function readTriage(): Explanation[] {
  return JSON.parse(readFileSync(FILE, 'utf8')) as Explanation[];
}

/** Names, from the contract inwards, of what a finding is about in the first place. */
export function placeOf({elements}: Finding): string {
  const names: string[] = [];
  for (let element = elements[0]; element !== undefined; element = element.type_specific_fields?.parent) {
    if (element.type !== 'node') names.unshift(element.name);
  }
  return names.join('.') || (elements[0]?.source_mapping.filename_relative ?? 'everywhere');
}

/** Findings beyond those that are explained, and explanations of more than was found. */
export function explain(triage: readonly Explanation[], findings: readonly Finding[]) {
  const groups = Map.groupBy(findings, keyOf);
  const expected = new Map(triage.map((entry) => [`${entry.detector} ${entry.place}`, entry]));
  const unexplained = [...groups].flatMap(([key, group]) => {
    return group.length > (expected.get(key)?.count ?? 0) ? group : [];
  });
  const unused = triage.filter((entry) => {
    return (groups.get(`${entry.detector} ${entry.place}`)?.length ?? 0) < entry.count;
  });
  return {unexplained, unused};
}

/** docs/slither.md. */
export function page(triage: readonly Explanation[], findings: readonly Finding[]): string {
  const groups = Map.groupBy(findings, keyOf);
  const lines = triage.map(({detector, place, count, why}) => {
    const impact = groups.get(`${detector} ${place}`)?.[0]?.impact ?? 'gone';
    return `- ${detector} (${impact}), \`${place}\`${count > 1 ? ` ×${count}` : ''}: ${why}`;
  });
  return `${HEAD}\n${lines.join('\n')}\n`;
}

function keyOf(finding: Finding): string {
  return `${finding.check} ${placeOf(finding)}`;
}
