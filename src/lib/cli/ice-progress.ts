import {plain} from './output.ts';

/** A line on stderr that changes while bytes go by; nothing off a terminal. */
export function progressLine(what: string): {
  update: (doneBytes: number, totalBytes: number) => void;
  done: () => void;
} {
  if (!process.stderr.isTTY) return {update: () => {}, done: () => {}};
  const startedMs = performance.now();
  let shownMs = 0;
  return {
    update(doneBytes, totalBytes) {
      const now = performance.now();
      if (now - shownMs < REFRESH_MS && doneBytes < totalBytes) return;
      shownMs = now;
      const percent = totalBytes === 0 ? 100 : Math.floor((100 * doneBytes) / totalBytes);
      const rate = doneBytes / 1_000 / Math.max(1, now - startedMs);
      process.stderr.write(`${CLEAR_LINE}${plain(what)}  ${percent} %  ${rate.toFixed(1)} MB/s`);
    },
    done: () => void process.stderr.write(CLEAR_LINE),
  };
}

const REFRESH_MS = 200;
/** Back to the start of the line, and clear it. */
const CLEAR_LINE = '\r\u001b[2K';
