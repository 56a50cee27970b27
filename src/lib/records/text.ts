/** What may stand in names and labels from strangers: no control, format or line characters, which could act on a terminal. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u;

/** Longest model name in UTF-8 bytes; paths of GGUF files serve as names with some engines. */
export const MODEL_NAME_MAX_BYTES = 128;

/** Longest label in characters: one 32-byte word. */
const LABEL_MAX_CHARACTERS = 32;

/** Whether a text is printable on one line and has at most `maxBytes` bytes of UTF-8. */
export function isPrintable(text: string, maxBytes: number): boolean {
  return Buffer.byteLength(text) <= maxBytes && PRINTABLE.test(text);
}

/** Whether a text is a model name that a record can carry: 1 to 128 bytes, printable. */
export function isModelName(text: string): boolean {
  return text !== '' && isPrintable(text, MODEL_NAME_MAX_BYTES);
}

/** Whether a text is a label: at most 32 visible ASCII characters, so that it fits one word of EIP-712. */
export function isLabel(text: string): boolean {
  return /^[\x21-\x7e]{0,32}$/.test(text);
}

/** The nearest label to any text, e.g. for a quantisation as an engine writes it. */
export function toLabel(text: string): string {
  return text
    .trim()
    .replaceAll(/[^\x21-\x7e]+/g, '-')
    .slice(0, LABEL_MAX_CHARACTERS);
}

/** Whether a text identifies a model file: `sha256:<64 hex>`, `ollama:<64 hex>` or empty for none. */
export function isModelDigest(text: string): boolean {
  return text === '' || /^(?:sha256|ollama):[0-9a-f]{64}$/.test(text);
}
