/** Medians over the rounds, ratios within them, and the goals beside. */
import {availableParallelism} from 'node:os';

import type {MemoryLine} from './memory.ts';
import {ROWS} from './rows.ts';
import {BASE, TWO_IN, TWO_WORKERS} from './servers.ts';

export interface Sample {
  row: string;
  server: string;
  round: number;
  /** CPU µs of the server per packet. */
  us: number;
  perSecond: number;
}

export interface Report {
  servers: {name: string; version: string}[];
  missing: string[];
  samples: Sample[];
  memory: MemoryLine[];
}

interface Line {
  row: string;
  server: string;
  us: number;
  perSecond: number;
  toCoturn: number | undefined;
  toNodeTurn: number | undefined;
  goal: {coturn?: number; nodeTurn?: number};
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
}

function linesOf({samples, servers}: Report): Line[] {
  return ROWS.flatMap(({name: row, goals}) =>
    servers.flatMap(({name: server}): Line[] => {
      const mine = samples.filter((sample) => sample.row === row && sample.server === server);
      if (mine.length === 0) return [];
      const ratioTo = (other: string): number | undefined => {
        const ratios = mine.flatMap(({round, us}) => {
          const beside = samples.find((one) => one.row === row && one.server === other && one.round === round);
          return beside === undefined ? [] : [us / beside.us];
        });
        return ratios.length === 0 || other === server ? undefined : median(ratios);
      };
      const us = median(mine.map((sample) => sample.us));
      const perSecond = median(mine.map((sample) => sample.perSecond));
      return [
        {
          row,
          server,
          us,
          perSecond,
          toCoturn: ratioTo(BASE),
          toNodeTurn: ratioTo('node-turn'),
          goal: goals[server] ?? {},
        },
      ];
    }),
  );
}

const against = (ratio: number | undefined, goal: number | undefined): string => {
  if (ratio === undefined) return ''.padStart(15);
  const met = goal === undefined ? '' : ` ${ratio <= goal ? '≤' : '>'} ${goal.toFixed(2)}`;
  return `${ratio.toFixed(2)}${met}`.padStart(15);
};

export function print(report: Report, json: boolean): void {
  const lines = linesOf(report);
  if (json) {
    process.stdout.write(`${JSON.stringify({...report, lines})}\n`);
    return;
  }
  const out = (text: string): void => void process.stdout.write(`${text}\n`);
  out(report.servers.map(({name, version}) => `${name} ${version}`).join(', '));
  out(
    `${''.padEnd(34)}${''.padEnd(20)}${'µs/packet'.padStart(10)}${'× coturn'.padStart(15)}${'× node-turn'.padStart(15)}${'packets/s'.padStart(11)}`,
  );
  for (const [i, {row, server, us, perSecond, toCoturn, toNodeTurn, goal}] of lines.entries()) {
    const name = lines[i - 1]?.row === row ? '' : row;
    const ratios = against(toCoturn, goal.coturn) + against(toNodeTurn, goal.nodeTurn);
    out(
      `${name.padEnd(34)}${server.padEnd(20)}${us.toFixed(2).padStart(10)}${ratios}${perSecond.toFixed(0).padStart(11)}`,
    );
  }
  const [one, two] = ['dgram', TWO_WORKERS].map((name) =>
    lines.find(({row, server}) => row === TWO_IN && server === name),
  );
  if (one !== undefined && two !== undefined) {
    const more = (two.perSecond / one.perSecond).toFixed(2);
    const scope = availableParallelism() < 4 ? 'one CPU for both: says nothing' : 'goal ≥ 1.85';
    out(`${'two workers / one, packets/s'.padEnd(54)}${more.padStart(10)} × (${scope})`);
  }
  for (const {name, server, value, unit, goal} of report.memory) {
    const met = goal === undefined ? '' : ` (goal ≤ ${goal}${value <= goal ? '' : ': not reached'})`;
    out(`${name.padEnd(34)}${server.padEnd(20)}${value.toFixed(value < 10 ? 2 : 0).padStart(10)} ${unit}${met}`);
  }
}
