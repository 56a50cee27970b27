import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {EXIT, QuiverError} from '../../../src/lib/core/errors.ts';
import {maskCredentials} from '../../../src/lib/core/mask.ts';
import {fromErrorBody, toErrorBody} from '../../../src/lib/service/error-body.ts';
import {readLines} from '../../../src/lib/service/lines.ts';

async function read(chunks: readonly string[]): Promise<unknown[]> {
  async function* source() {
    yield* chunks;
  }
  const items: unknown[] = [];
  for await (const item of readLines(source())) items.push(item);
  return items;
}

/** Cuts text at every one of these places. */
function cut(text: string, places: readonly number[]): string[] {
  const ends = [...places.map((place) => place % (text.length + 1)).toSorted((a, b) => a - b), text.length];
  return ends.map((end, index) => text.slice(index === 0 ? 0 : ends[index - 1], end));
}

describe('readLines', () => {
  it('gives back what was written, however it was cut', async () => {
    const value = fc.jsonValue({maxDepth: 3}).filter((item) => !(typeof item === 'object' && item && 'error' in item));
    await fc.assert(
      fc.asyncProperty(fc.array(value), fc.array(fc.nat(), {maxLength: 20}), async (values, places) => {
        const text = values.map((item) => `${JSON.stringify(item)}\n`).join('');
        expect(await read(cut(text, places))).toEqual(JSON.parse(JSON.stringify(values)));
      }),
    );
  });

  it('never fails in another way than with an explained error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({unit: 'binary'})), async (chunks) => {
        await read(chunks).catch((error: unknown) => expect(error).toBeInstanceOf(QuiverError));
      }),
    );
  });

  it('reads a last line without its end, and skips empty ones', async () => {
    expect(await read(['\n1\n\n', '{"a":', '2}'])).toEqual([1, {a: 2}]);
  });

  it('takes an object whose `error` is no error of ours for data', async () => {
    expect(await read(['{"error":"text"}\n'])).toEqual([{error: 'text'}]);
  });
});

describe('error bodies', () => {
  it('come back as they went, without what may be credentials', () => {
    const exits = Object.values(EXIT).filter((exit) => exit !== EXIT.done);
    const errors = fc.record({
      code: fc.string(),
      message: fc.string(),
      fix: fc.string(),
      exit: fc.constantFrom(...exits),
    });
    fc.assert(
      fc.property(errors, (init) => {
        const body: unknown = JSON.parse(JSON.stringify(toErrorBody(new QuiverError(init))));
        const [message, fix] = [maskCredentials(init.message), maskCredentials(init.fix)];
        expect(fromErrorBody(body)).toMatchObject({...init, message, fix});
      }),
    );
  });

  it('make a failure of what claims to be none', () => {
    expect(fromErrorBody({code: 'X', message: 'x', fix: 'x', exit: 0})).toMatchObject({exit: EXIT.failed});
    expect(fromErrorBody({code: 'X', message: 'x', fix: 'x', exit: 'x'})).toMatchObject({exit: EXIT.failed});
  });

  it('are made of nothing else', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => void fromErrorBody(value)));
    expect(fromErrorBody({code: 'X', message: 'x'})).toBeUndefined();
  });
});
