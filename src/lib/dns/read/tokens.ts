export interface Token {
  /** As written, a quoted string with its quotes. */
  readonly text: string;
  readonly quoted: boolean;
}

/** One entry of a zone file: a record or a directive, over several lines where it has parentheses. */
export interface Entry {
  /** From 1. */
  readonly line: number;
  /** It began with white space, so that it is about the name before. */
  readonly indented: boolean;
  readonly tokens: readonly Token[];
  /** What stood behind `;`. */
  readonly comment: string;
  /** As written, for whoever has to be told. */
  readonly text: string;
  readonly problem?: string;
}

/** Quotes also stand inside a word, behind `=` (RFC 9460 section 2.1). A character is a byte: white space is ASCII's. */
const TOKEN = /"(?:[^"\\]|\\.)*"|;.*|[()]|(?:[^ \t\r\f\v"();\\]|\\.|(?<==)"(?:[^"\\]|\\.)*")+|["\\]/gs;

/** Longer than a record can be written: 64 KiB with every byte escaped. */
const MAX_LINE_CHARACTERS = 512 * 1024;

/** Cuts a zone file into entries (RFC 1035 section 5.1). Never throws: what can't be read has a `problem`. */
export function* readEntries(file: string): Generator<Entry> {
  let open: {line: number; indented: boolean; tokens: Token[]; comment: string; text: string[]} | undefined;
  let depth = 0;
  let problem: string | undefined;
  let index = 0;
  for (let start = 0; start <= file.length; index += 1) {
    const found = file.indexOf('\n', start);
    const end = found === -1 ? file.length : found;
    const line = file.slice(start, end).replace(/\r$/, '');
    start = end + 1;
    if (open === undefined && line === '') continue;
    open ??= {line: index + 1, indented: /^[ \t]/.test(line), tokens: [], comment: '', text: []};
    open.text.push(line);
    const isLong = line.length > MAX_LINE_CHARACTERS;
    if (isLong) problem = 'it is too long';
    for (const [text] of isLong ? [] : line.matchAll(TOKEN)) {
      if (text.startsWith(';')) open.comment += text;
      else if (text === '(') depth += 1;
      else if (text === ')') depth -= 1;
      else if (text === '"') problem = 'a quote is not closed';
      else if (text === '\\') problem = 'it ends with a backslash';
      else open.tokens.push({text, quoted: text.startsWith('"')});
    }
    if (depth > 0 && problem === undefined) continue;
    if (depth < 0) problem = 'a parenthesis is closed that was not opened';
    yield* entry(open, problem);
    open = undefined;
    depth = 0;
    problem = undefined;
  }
  if (open !== undefined) yield* entry(open, 'a parenthesis is not closed');
}

function* entry(open: Omit<Entry, 'text'> & {text: string[]}, problem: string | undefined): Generator<Entry> {
  if (open.tokens.length === 0 && problem === undefined) return;
  const text = open.text.join('\n').trim();
  yield {...open, text, ...(problem !== undefined && {problem})};
}
