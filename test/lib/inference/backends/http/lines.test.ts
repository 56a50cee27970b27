import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {MAX_LINE_BYTES, readLines, readServerSentEvents} from '../../../../../src/lib/inference/backends/http/lines.ts';

/** The text as bytes, cut at the given places. */
async function* cut(text: string, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  let start = 0;
  for (let index = 0; start < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? bytes.length;
    yield bytes.subarray(start, start + size);
    start += size;
  }
}

const sizes = fc.array(fc.integer({min: 1, max: 9}), {minLength: 1});

describe('readLines', () => {
  it('finds the same lines however the bytes are cut', async () => {
    const line = fc.string({unit: 'grapheme'}).map((text) => text.replaceAll(/[\r\n]/g, ''));
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.constantFrom('\n', '\r\n'), sizes, async (lines, ending, cuts) => {
        const text = lines.map((item) => item + ending).join('');
        expect(await Array.fromAsync(readLines(cut(text, cuts)))).toEqual(lines);
      }),
    );
  });

  it('gives the last line even without an ending', async () => {
    expect(await Array.fromAsync(readLines(cut('a\nb', [1])))).toEqual(['a', 'b']);
  });

  it('refuses a line without end', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield Buffer.alloc(65_536, 'x');
    }
    await expect(Array.fromAsync(readLines(endless()))).rejects.toThrow(String(MAX_LINE_BYTES));
  });
});

describe('readServerSentEvents', () => {
  it('reads any data, however it is cut and commented', async () => {
    const data = fc.array(
      fc.string({unit: 'grapheme', minLength: 1}).map((text) => text.replaceAll(/[\r\n]/g, ' ')),
      {minLength: 1, maxLength: 3},
    );
    await fc.assert(
      fc.asyncProperty(fc.array(data), fc.constantFrom('\n', '\r\n'), sizes, async (events, ending, cuts) => {
        const text = events
          .map(
            (lines) =>
              [': comment', 'event: message', ...lines.map((item) => `data: ${item}`), ''].join(ending) + ending,
          )
          .join('');
        expect(await Array.fromAsync(readServerSentEvents(cut(text, cuts)))).toEqual(
          events.map((lines) => lines.join('\n')),
        );
      }),
    );
  });

  it('knows the corners of the format', async () => {
    const read = (text: string): Promise<string[]> => Array.fromAsync(readServerSentEvents(cut(text, [3])));
    expect(await read('data:a\n\n')).toEqual(['a']);
    expect(await read('data\n\n')).toEqual(['']);
    expect(await read('data:  a\n\n')).toEqual([' a']);
    expect(await read(':\n\nid: 1\nretry: 5\n\n')).toEqual([]);
    expect(await read('data: cut off')).toEqual([]);
    expect(await read('error: {"code":500}\n\n')).toEqual(['{"error":{"code":500}}']);
  });

  it('refuses an event without end', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield Buffer.from(`data: ${'x'.repeat(65_536)}\n`);
    }
    await expect(Array.fromAsync(readServerSentEvents(endless()))).rejects.toThrow(/longer/);
  });
});
