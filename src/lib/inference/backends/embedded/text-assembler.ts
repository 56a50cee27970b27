/** What the byte decoder puts where a character is incomplete or invalid. */
const REPLACEMENT = '\uFFFD';

/** A UTF-8 character has at most four bytes: after four tokens an incomplete one is simply invalid. */
const LONGEST_CHARACTER_TOKENS = 4;

/** Enough context for tokenizers that decide about a leading space by what came before. */
const PRECEDING_TOKENS = 4;

export type Detokenize = (tokens: readonly number[], preceding: readonly number[]) => string;

/**
 * Turns tokens into text that can be sent: whole characters only, nothing that may be the beginning of a stop sequence,
 * nothing from a stop sequence on.
 */
export class TextAssembler {
  readonly #detokenize: Detokenize;
  readonly #stops: readonly string[];
  #undecoded: number[] = [];
  #preceding: number[] = [];
  #held = '';

  constructor(detokenize: Detokenize, stops: readonly string[]) {
    this.#detokenize = detokenize;
    this.#stops = stops.filter((stop) => stop !== '');
  }

  /** Returns what became sendable, and whether a stop sequence ended the answer. */
  push(token: number): {text: string; stopped: boolean} {
    this.#undecoded.push(token);
    const piece = this.#detokenize(this.#undecoded, this.#preceding);
    if (piece.endsWith(REPLACEMENT) && this.#undecoded.length < LONGEST_CHARACTER_TOKENS) {
      return {text: '', stopped: false};
    }
    this.#preceding = [...this.#preceding, ...this.#undecoded].slice(-PRECEDING_TOKENS);
    this.#undecoded = [];
    return this.#release(piece);
  }

  /** What is left when the answer ends without a stop sequence. */
  flush(): string {
    const rest = this.#held + (this.#undecoded.length === 0 ? '' : this.#detokenize(this.#undecoded, this.#preceding));
    this.#held = '';
    this.#undecoded = [];
    return rest;
  }

  #release(piece: string): {text: string; stopped: boolean} {
    if (this.#stops.length === 0) return {text: piece, stopped: false};
    const text = this.#held + piece;
    const found = this.#stops.map((stop) => text.indexOf(stop)).filter((index) => index >= 0);
    if (found.length > 0) {
      this.#held = '';
      return {text: text.slice(0, Math.min(...found)), stopped: true};
    }
    const kept = Math.max(...this.#stops.map((stop) => overlap(text, stop)));
    this.#held = text.slice(text.length - kept);
    return {text: text.slice(0, text.length - kept), stopped: false};
  }
}

/** Length of the longest end of `text` that `stop` begins with. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
