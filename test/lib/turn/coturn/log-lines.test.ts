import * as fc from 'fast-check';
import {beforeEach, describe, expect, it} from 'vitest';

import {createLogger, type Logger} from '../../../../src/lib/observability/logger.ts';
import {LogLines} from '../../../../src/lib/turn/coturn/log-lines.ts';

const SECRET = 'correct-horse-battery-staple';

interface Line {
  level: string;
  coturn?: string;
  msg: string;
}

let written: Line[];
let log: Logger;

beforeEach(async () => {
  written = [];
  log = await createLogger({level: 'debug', destination: {write: (line) => written.push(JSON.parse(line) as Line)}});
});

describe('what coturn prints', () => {
  it('is debug, and a warning where it complains, in every version', () => {
    const lines = new LogLines(log, []);
    lines.push('0: : Listener address to use: 127.0.0.1\n2: : ERROR: Cannot open\n0: (1234): INFO: fine\n');
    lines.push('2026-11-20T17:11:06.072+0000 INFO Listener\n2026-11-20T17:11:06.072+0000 WARNING Certificate\n\n');
    expect(written.map(({level, coturn}) => [level, coturn])).toEqual([
      ['debug', 'Listener address to use: 127.0.0.1'],
      ['warn', 'Cannot open'],
      ['debug', 'fine'],
      ['debug', 'Listener'],
      ['warn', 'Certificate'],
    ]);
    expect(lines.complaints).toEqual(['Cannot open', 'Certificate']);
  });

  it('is put together from pieces, and cut where it has no end', () => {
    const lines = new LogLines(log, []);
    for (const piece of ['0: : ERR', 'OR: one', ' line\n0: : an', 'other\n']) lines.push(piece);
    expect(written.map(({coturn}) => coturn)).toEqual(['one line', 'another']);
    for (let count = 0; count < 1_000; count += 1) lines.push('x'.repeat(1_000));
    lines.push('\n');
    expect(written.at(-1)?.coturn).toHaveLength(1_000);
  });

  it('never shows a secret', () => {
    const lines = new LogLines(log, [SECRET]);
    lines.push(`0: : ERROR: static-auth-secret="${SECRET}" and ${SECRET}\n`);
    expect(JSON.stringify([written, lines.complaints])).not.toContain('staple');
  });

  it('does not fill the log, however often a stranger makes it complain', () => {
    let nowMs = 0;
    const lines = new LogLines(log, [], () => nowMs);
    for (let count = 0; count < 10_000; count += 1) lines.push(`0: : ERROR: ${count}\n`);
    expect(written).toHaveLength(31);
    expect(written.at(-1)?.msg).toContain('too often');
    nowMs = 60_000;
    lines.push('0: : ERROR: again\n');
    expect(written.at(-1)?.coturn).toBe('again');
    expect(lines.complaints).toHaveLength(5);
  });

  it('may be anything', async () => {
    const silent = await createLogger({level: 'silent'});
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string({unit: 'binary'}), fc.constantFrom('\n', '0: ', ': ERROR: '))),
        (pieces) => {
          const lines = new LogLines(silent, [SECRET]);
          for (const piece of pieces) lines.push(piece);
        },
      ),
    );
  });
});
