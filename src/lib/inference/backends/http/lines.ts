/** No event of a chat stream is longer; a line that does not end must not fill the memory. */
export const MAX_LINE_BYTES = 1024 * 1024;

export class LineTooLongError extends Error {
  constructor() {
    super(`a line longer than ${MAX_LINE_BYTES} bytes`);
  }
}

/** Splits bytes into lines ending in LF or CRLF; characters may be cut anywhere between two chunks. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, {stream: true});
    let start = 0;
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', start)) {
      yield rest.slice(start, rest[end - 1] === '\r' && end > start ? end - 1 : end);
      start = end + 1;
    }
    rest = rest.slice(start);
    if (rest.length > MAX_LINE_BYTES) throw new LineTooLongError();
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}

/**
 * The data of each server-sent event (WHATWG HTML, section 9.2). Comments and unknown fields are skipped; an `error:`
 * field, which some servers send, counts as data. An event that the end cuts off is dropped, as the standard says.
 */
export async function* readServerSentEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let data: string[] = [];
  let length = 0;
  for await (const line of readLines(chunks)) {
    if (line === '') {
      if (data.length > 0) yield data.join('\n');
      data = [];
      length = 0;
      continue;
    }
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    if (name !== 'data' && name !== 'error') continue;
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    data.push(name === 'error' ? `{"error":${value}}` : value);
    length += value.length;
    if (length > MAX_LINE_BYTES) throw new LineTooLongError();
  }
}
