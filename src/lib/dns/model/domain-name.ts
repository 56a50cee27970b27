/** Limits of RFC 1035 section 2.3.4, of what goes over the wire. */
export const MAX_LABEL_BYTES = 63;
export const MAX_NAME_BYTES = 255;

/** A name with nothing to escape: nearly every one. */
const PLAIN = /^[\w*/-]{1,63}(?:\.[\w*/-]{1,63})*\.?$/;
/** An escaped byte, a dot, or a byte. */
const PIECE = /\\(\d{3})|\\(\D)|(\.)|([^\\])/gs;

/** A label as text, lower case: dots inside it and what is not printed escaped (RFC 1035 section 5.1). */
export function escapeLabel(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte).toLowerCase();
    if (/[\w*/-]/.test(character)) return character;
    return `\\${String(byte).padStart(3, '0')}`;
  }).join('');
}

/**
 * The one text of a name in a zone file, a byte a character: lower case, absolute, without the final dot; `@` and
 * relative ones go below the origin. Undefined when it is no name, or relative and there is no origin.
 */
export function absoluteName(text: string, origin: string | undefined): string | undefined {
  if (text === '@') return origin;
  if (text === '.') return '';
  const labels = PLAIN.test(text) ? text.toLowerCase().split('.') : splitLabels(text);
  if (labels === undefined) return undefined;
  const absolute = labels.at(-1) === '';
  const own = (absolute ? labels.slice(0, -1) : labels).join('.');
  if (!absolute && origin === undefined) return undefined;
  const name = absolute || origin === undefined || origin === '' ? own : `${own}.${origin}`;
  // The length of the first label, and the root.
  return name.replaceAll(/\\\d{3}/g, 'x').length + 2 <= MAX_NAME_BYTES ? name : undefined;
}

/** Canonical labels, the last one empty where the name ends with a dot. */
function splitLabels(text: string): string[] | undefined {
  const labels: number[][] = [[]];
  let read = 0;
  for (const [piece, decimal, escaped, dot, plain = ''] of text.matchAll(PIECE)) {
    read += piece.length;
    if (dot !== undefined) labels.push([]);
    else labels.at(-1)?.push(decimal === undefined ? (escaped ?? plain).charCodeAt(0) : Number(decimal));
  }
  const isName = labels.every(
    (label, index) =>
      (label.length > 0 || (index > 0 && index === labels.length - 1)) &&
      label.length <= MAX_LABEL_BYTES &&
      label.every((byte) => byte <= 0xff),
  );
  return read === text.length && isName ? labels.map(escapeLabel) : undefined;
}
