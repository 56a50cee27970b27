import {styleText} from 'node:util';

import type {CheckReport} from '../ice/check.ts';
import {plain, table} from './output.ts';

const PATHS: Record<CheckReport['path'], string> = {
  direct: 'a direct path to most peers; a relay where their NAT needs it',
  'relay over UDP': 'a relay, over UDP',
  'relay over TCP': 'a relay, over TCP',
  'relay over TLS': 'a relay, over TLS',
  host: 'a direct path, to peers on the same network only',
  none: 'none',
};

/** The report for a person: what there is, what passes, and what to change. */
export function iceCheckText(report: CheckReport): string {
  const {candidates, nat, probes, findings, path, ok} = report;
  const lines = [
    table(
      ['CANDIDATE', 'ADDRESS', 'PORT'],
      candidates.map(({type, address, port}) => [type, address, String(port)]),
    ),
    '',
    ...(nat === undefined ? [] : [natLine(nat), '']),
    ...(probes.length === 0 ? [] : [probeTable(probes), '']),
    `path: ${styleText(ok ? 'green' : 'red', PATHS[path], {stream: process.stdout})}`,
    ...findings.flatMap(({message, fix}) => [
      `${styleText('yellow', '!', {stream: process.stdout})} ${plain(message)}`,
      `  → ${plain(fix)}`,
    ]),
  ];
  return lines.join('\n');
}

function natLine({mapping, filtering, hairpin, mapped}: NonNullable<CheckReport['nat']>): string {
  const seen = mapped === undefined ? '' : `  seen as ${plain(mapped)}`;
  const loop = hairpin === undefined ? '' : `  hairpin ${hairpin ? 'yes' : 'no'}`;
  return mapping === 'none' ? `NAT: none${seen}` : `NAT: mapping ${mapping}  filtering ${filtering}${loop}${seen}`;
}

function probeTable(probes: CheckReport['probes']): string {
  const rows = probes.map(({url, ms, relayed, problem}) => [
    problem === undefined ? 'ok' : 'fail',
    url,
    problem === undefined ? `${(ms ?? 0).toFixed(0)} ms` : problem.code,
    relayed ?? '',
  ]);
  return table(['', 'TURN SERVER', 'RESULT', 'RELAYED ADDRESS'], rows, (cell, column, row) =>
    column === 0 && row >= 0
      ? styleText(rows[row]?.[0] === 'ok' ? 'green' : 'red', cell, {stream: process.stdout})
      : cell,
  );
}
