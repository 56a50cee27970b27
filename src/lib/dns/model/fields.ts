/** A field of a record's data as a zone file writes it (RFC 1035 section 5.1). */
export interface Field {
  /** Without quotes and escapes, bytes of 0x80 and above as the UTF-8 they are part of. */
  readonly text: string;
  readonly quoted: boolean;
  /** What the escapes stand for, where there are any: text of others need not be UTF-8. */
  readonly bytes?: Uint8Array;
}

/** A quoted string, or a word; one of RFC 9460 has quotes behind `=`. */
const FIELD = /"(?:[^"\\]|\\.)*"|(?:[^\s"\\]|\\.|(?<==)"(?:[^"\\]|\\.)*")+/g;

const decoder = new TextDecoder();

/** Splits canonical presentation text, as the values of a RecordSet are, into fields. */
export function splitFields(value: string): Field[] {
  const tokens = value.match(FIELD) ?? [];
  return tokens.map((token) => {
    const quoted = token.startsWith('"');
    const text = quoted ? token.slice(1, -1) : token;
    if (!text.includes('\\')) return {quoted, text};
    const bytes = unescape(text);
    return {quoted, text: decoder.decode(bytes), bytes};
  });
}

/** The text of a TXT record: its strings one after the other. */
export function txtText(value: string): string {
  return splitFields(value)
    .map(({text}) => text)
    .join('');
}

function unescape(text: string): Uint8Array {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] !== '\\') {
      const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
      bytes.push(...Buffer.from(character));
      at += character.length - 1;
      continue;
    }
    const decimal = /^\d{3}/.exec(text.slice(at + 1, at + 4))?.[0];
    bytes.push(decimal === undefined ? (text.codePointAt(at + 1) ?? 0) : Number(decimal));
    at += decimal === undefined ? 1 : 3;
  }
  return Uint8Array.from(bytes);
}
