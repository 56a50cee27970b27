import {stripVTControlCharacters} from 'node:util';

/** Blanks between two columns. */
const COLUMN_GAP = 2;

/**
 * Rows as aligned columns, a line each. Cells are text; control characters in them (names come from strangers) are
 * removed. Colour goes into `paint`, which is given each cell after it was padded.
 */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  paint: (cell: string, column: number, row: number) => string = (cell) => cell,
): string {
  const lines = [header, ...rows].map((row) => row.map(plain));
  const widths = header.map((_, column) => Math.max(...lines.map((row) => (row[column] ?? '').length)));
  return lines
    .map((row, index) =>
      row
        .map((cell, column) => {
          const last = column === row.length - 1;
          return paint(last ? cell : cell.padEnd((widths[column] ?? 0) + COLUMN_GAP), column, index - 1);
        })
        .join('')
        .trimEnd(),
    )
    .join('\n');
}

/** Text from elsewhere, made safe for a terminal: no escape sequences, no line breaks. */
export function plain(text: string): string {
  return stripVTControlCharacters(text).replace(/[\p{Cc}\p{Bidi_Control}]/gu, ' ');
}

/** Text of several lines from elsewhere, made safe for a terminal: its line breaks and tabs stay. */
export function plainLines(text: string): string {
  return stripVTControlCharacters(text).replace(/[^\P{Cc}\n\t]|\p{Bidi_Control}/gu, ' ');
}
