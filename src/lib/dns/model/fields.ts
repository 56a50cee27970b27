/** A field of a record's data as a zone file writes it (RFC 1035 section 5.1). */
export interface Field {
  /** Without quotes and escapes, bytes of 0x80 and above as the UTF-8 they are part of. */
  readonly text: string;
  readonly quoted: boolean;
}

const decoder = new TextDecoder();

/** Splits canonical presentation text, as the values of a RecordSet are, into fields. */
export function splitFields(value: string): Field[] {
  const tokens = value.match(/"(?:[^"\\]|\\.)*"|(?:[^\s"\\]|\\.)+/g) ?? [];
  return tokens.map((token) => {
    const quoted = token.startsWith('"');
    return {quoted, text: unescape(quoted ? token.slice(1, -1) : token)};
  });
}

/** The text of a TXT record: its strings one after the other. */
export function txtText(value: string): string {
  return splitFields(value)
    .map(({text}) => text)
    .join('');
}

function unescape(text: string): string {
  if (!text.includes('\\')) return text;
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] !== '\\') {
      bytes.push(...Buffer.from(text[at] ?? ''));
      continue;
    }
    const decimal = /^\d{3}/.exec(text.slice(at + 1, at + 4))?.[0];
    bytes.push(decimal === undefined ? (text.codePointAt(at + 1) ?? 0) : Number(decimal));
    at += decimal === undefined ? 1 : 3;
  }
  return decoder.decode(Uint8Array.from(bytes));
}
