/*
 * CPU time per packet of our TURN engines beside coturn and node-turn, each a process of its own, taking turns in
 * rounds so that whatever else the machine does falls on all of them; then allocations and memory.
 *
 *   npm run bench:turn -- [--rounds 5] [--ms 400] [--only TEXT] [--servers dgram,batch] [--no-memory] [--json]
 *
 * Needs Linux. `turnserver` on PATH is coturn; TURNSERVER names a newer one to put beside it. As root everything runs
 * in a network namespace of its own.
 */
import {availableParallelism} from 'node:os';
import {parseArgs} from 'node:util';

import {memory} from './turn/memory.ts';
import {moveIntoNamespace, pinSelf, place as whereWeAre} from './turn/place.ts';
import {allocate, type Pair} from './turn/relay.ts';
import {print, type Report, type Sample} from './turn/report.ts';
import {type Row, ROWS} from './turn/rows.ts';
import {kinds, LOGIN, type Running, start} from './turn/servers.ts';
import {Wire} from './turn/wire.ts';

/** As many as in the runs that the goals come from. */
const ALLOCATIONS = 10;

const {values} = parseArgs({
  options: {
    rounds: {type: 'string', default: '5'},
    ms: {type: 'string', default: '400'},
    only: {type: 'string', default: ''},
    servers: {type: 'string', default: ''},
    'no-memory': {type: 'boolean', default: false},
    json: {type: 'boolean', default: false},
  },
});

const moved = moveIntoNamespace();
if (moved === undefined) await main();
else process.exitCode = moved;

async function main(): Promise<void> {
  pinSelf(availableParallelism());
  const place = whereWeAre();
  const wire = await Wire.open();
  const wanted = values.servers.split(',').filter(Boolean);
  const all = kinds(process.env['TURNSERVER']);
  const missing = all.filter(({command}) => command === undefined).map(({name}) => name);
  for (const name of missing) note(`${name} is not installed: left out`);
  const chosen = all.filter(
    ({name, command}) => command !== undefined && (wanted.length === 0 || wanted.includes(name)),
  );
  const running: Running[] = [];
  const report: Report = {
    servers: chosen.map(({name, version}) => ({name, version})),
    missing,
    samples: [],
    memory: [],
  };
  try {
    for (const [i, kind] of chosen.entries()) running.push(await start(kind, i, place, wire));
    const pairs = running.map(({address}) =>
      Array.from({length: ALLOCATIONS}, (_, i) => allocate(wire, address, LOGIN, place.client, place.peer, i)),
    );
    const rows = ROWS.filter(({name}) => name.includes(values.only));
    for (let round = 0; round <= Number(values.rounds); round += 1) {
      note(round === 0 ? 'warming up' : `round ${round} of ${values.rounds}`);
      for (const row of rows) {
        const samples = oneRound(wire, row, round, running, pairs);
        if (round > 0) report.samples.push(...samples); // the first is for compilers and caches
      }
    }
  } finally {
    for (const server of running) await server.stop();
  }
  if (!values['no-memory'])
    report.memory.push(
      ...(await memory(
        wire,
        place,
        chosen.filter(({onlyIn}) => onlyIn === undefined),
        note,
      )),
    );
  print(report, values.json);
}

/** Every server once, beginning with another one each round. */
function oneRound(wire: Wire, row: Row, round: number, running: Running[], pairs: Pair[][]): Sample[] {
  return running.flatMap((_, turn) => {
    const i = (turn + round) % running.length;
    const server = running[i];
    if (server === undefined || (row.notNodeTurn === true && server.kind.name === 'node-turn')) return [];
    if (server.kind.onlyIn !== undefined && server.kind.onlyIn !== row.name) return [];
    const forMs = Number(values.ms);
    row.run(wire, pairs[i] ?? [], server.address, forMs / 4); // warms caches and compilers up
    const before = server.cpuUs();
    const {packets, wrong, seconds} = row.run(wire, pairs[i] ?? [], server.address, forMs);
    if (packets === 0 || wrong > 0)
      throw new Error(`${server.kind.name}, ${row.name}: ${packets} packets, ${wrong} wrong`);
    const us = (server.cpuUs() - before) / packets;
    return [{row: row.name, server: server.kind.name, round, us, perSecond: packets / seconds}];
  });
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
