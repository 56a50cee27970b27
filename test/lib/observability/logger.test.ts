import {describe, expect, it} from 'vitest';

import {createLogger, type LoggerOptions} from '../../../src/lib/observability/logger.ts';

/** A logger and the lines that it has written. */
async function recording(options: LoggerOptions = {}) {
  const lines: string[] = [];
  const log = await createLogger({...options, destination: {write: (line: string) => void lines.push(line)}});
  return {log, lines, records: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>)};
}

const CANARY = 'canary-4f1c9e';

describe('the log', () => {
  it('is one JSON object a line, with names for levels and ISO times', async () => {
    const {log, records} = await recording();
    log.child({service: 'relay'}).warn({peer: '12D3', bytes: 10n ** 20n}, 'slot refused');
    log.debug('not this');
    expect(records()).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        service: 'relay',
        peer: '12D3',
        bytes: '100000000000000000000',
        msg: 'slot refused',
      },
    ]);
  });

  it.each([
    ['a secret by name', {privateKey: CANARY, api_key: CANARY, 'Auth-Token': CANARY, MNEMONIC: CANARY}],
    ['a secret further down', {a: {b: [{password: CANARY}]}}],
    ['headers', {request: {headers: {authorization: CANARY}}}],
    ['prompts and answers', {prompt: CANARY, messages: [{content: CANARY}], answer: CANARY}],
    ['what hangs on an error', {err: Object.assign(new Error('refused'), {request: {url: CANARY}, token: CANARY})}],
    ['what hangs on the cause of one', {err: new Error('a', {cause: Object.assign(new Error('b'), {key: CANARY})})}],
    ['an error as it is', Object.assign(new Error('refused'), {config: {auth: CANARY}})],
    ['bytes', {value: Buffer.from(CANARY)}],
    [
      'credentials in a URL',
      {url: `http://me:p@${CANARY}@host`, err: new Error(`GET http://me:${CANARY}@host failed`)},
    ],
    ['what lies too deep', {a: {b: {c: {d: {e: CANARY}}}}}],
  ])('hides %s', async (_name, object) => {
    for (const format of ['json', 'text'] as const) {
      const {log, lines} = await recording({format});
      log.error(object, 'failed');
      log.child(object).error('failed');
      expect(lines.join('')).toContain('failed');
      expect(lines.join('')).not.toContain(CANARY);
      expect(lines.join('')).not.toContain(Buffer.from(CANARY).toString('base64'));
    }
  });

  it('keeps of an error its kind, code, message, stack and cause', async () => {
    const {log, records} = await recording();
    log.error({err: Object.assign(new TypeError('no', {cause: new Error('why')}), {code: 'ENOENT'})}, 'failed');
    expect(records()[0]?.['err']).toMatchObject({
      type: 'TypeError',
      message: 'no',
      code: 'ENOENT',
      stack: expect.stringContaining('logger.test.ts'),
      cause: {message: 'why'},
    });
  });

  it('bounds what it writes', async () => {
    const {log, lines} = await recording();
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    log.info({loop, long: 'x'.repeat(100_000), many: Array.from({length: 10_000}, () => 1)}, 'big');
    expect(lines[0]!.length).toBeLessThan(10_000);
  });

  it('is for people in text format, and strangers cannot steer the terminal', async () => {
    const {log, lines} = await recording({format: 'text'});
    log
      .child({service: 'relay'})
      .warn({peer: '12D3', reason: 'full up', agent: '\u001B[2Jx'}, 'slot\u001B[31m refused');
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d warn {2}relay: slot\?\[31m refused peer=12D3 reason="full up" agent="/);
    expect(lines[0]).not.toContain('\u001B');
    log.error({err: new Error('broken')}, 'failed');
    expect(lines[1]).toMatch(/error failed\s+\n {2}Error: broken\n {6}at /);
  });

  it('can be silent', async () => {
    const {log, lines} = await recording({level: 'silent'});
    log.fatal('nobody hears this');
    expect(lines).toEqual([]);
  });
});
