import {describe, expect, it} from 'vitest';

import {readAll} from '../../../src/lib/core/read-all.ts';

async function* pieces(count: number, onPiece: (index: number) => void = () => undefined) {
  for (let index = 0; index < count; index += 1) {
    onPiece(index);
    yield await Promise.resolve(Uint8Array.of(index, index));
  }
}

describe('readAll', () => {
  it('gives all there is, up to the limit', async () => {
    await expect(readAll(pieces(3), 6)).resolves.toEqual(Buffer.of(0, 0, 1, 1, 2, 2));
    await expect(readAll(null, 0)).resolves.toEqual(Buffer.alloc(0));
  });

  it('reads no further than the limit, and fails as it is told', async () => {
    let read = 0;
    const counted = pieces(1_000, () => (read += 1));
    await expect(readAll(counted, 6, () => new TypeError('too much'))).rejects.toThrow(new TypeError('too much'));
    expect(read).toBe(4);
    await expect(readAll(pieces(2), 3)).rejects.toThrow(RangeError);
  });
});
