/**
 * All bytes of a body, a file or a pipe; of null, as `fetch` gives it, none. What is longer than `limitBytes` is not
 * read further: it fails with `tooLong`, by default a RangeError.
 */
export async function readAll(
  source: AsyncIterable<Uint8Array> | null,
  limitBytes: number,
  tooLong: () => Error = () => new RangeError(`more than ${limitBytes} bytes`),
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of source ?? []) {
    sizeBytes += chunk.length;
    if (sizeBytes > limitBytes) throw tooLong();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
