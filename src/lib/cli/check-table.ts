import {styleText} from 'node:util';

import type {CheckResult, CheckStatus} from '../doctor/check.ts';
import {plain, table} from './output.ts';

const COLOURS = {ok: 'green', warn: 'yellow', fail: 'red'} as const satisfies Record<CheckStatus, string>;

/** One line a check; what is to be done about it on the line below. */
export function checkTable(checks: readonly CheckResult[]): string {
  const rows = checks.map(({name, status, detail}) => [status, name, detail]);
  const lines = table(['', 'CHECK', 'RESULT'], rows, (cell, column, row) => {
    const status = checks[row]?.status;
    return column === 0 && status !== undefined ? styleText(COLOURS[status], cell, {stream: process.stdout}) : cell;
  }).split('\n');
  const [header = '', ...results] = lines;
  const withFixes = results.flatMap((line, index) => {
    const fix = checks[index]?.fix;
    return fix === undefined ? [line] : [line, `      → ${plain(fix)}`];
  });
  return [header, ...withFixes].join('\n');
}
