import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {TextAssembler} from '../../../../../src/lib/inference/backends/embedded/text-assembler.ts';

/** One token is one byte, the hardest case. */
const assemble = (bytes: Iterable<number>, stops: string[] = []): {pieces: string[]; stopped: boolean} => {
  const assembler = new TextAssembler((tokens) => Buffer.from(tokens as number[]).toString('utf8'), stops);
  const pieces: string[] = [];
  for (const byte of bytes) {
    const {text, stopped} = assembler.push(byte);
    pieces.push(text);
    if (stopped) return {pieces, stopped};
  }
  pieces.push(assembler.flush());
  return {pieces, stopped: false};
};

describe('TextAssembler', () => {
  it('loses nothing, adds nothing and never cuts a character', () => {
    fc.assert(
      fc.property(
        fc.string({unit: 'grapheme'}),
        fc.array(fc.string({minLength: 1, maxLength: 3}), {maxLength: 3}),
        (text, stops) => {
          const {pieces, stopped} = assemble(Buffer.from(text), stops);
          const first = Math.min(...stops.map((stop) => text.indexOf(stop)).filter((index) => index >= 0));
          expect(stopped).toBe(Number.isFinite(first));
          expect(pieces.join('')).toBe(stopped ? text.slice(0, first) : text);
          expect(pieces.every((piece) => piece.isWellFormed())).toBe(true);
        },
      ),
      {numRuns: 1000},
    );
  });

  it('sends a text as soon as it can be no part of a stop sequence', () => {
    const {pieces} = assemble(Buffer.from('ab</sab'), ['</stop>']);
    expect(pieces).toEqual(['a', 'b', '', '', '', '</sa', 'b', '']);
  });

  it('gives up on bytes that are no character', () => {
    expect(assemble([0xf0, 0x28, 0x41, 0x80]).pieces.join('')).toBe('\uFFFD(A\uFFFD');
  });
});
