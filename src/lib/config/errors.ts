import {EXIT, QuiverError} from '../core/errors.ts';
import {maskCredentials} from '../core/mask.ts';
import {CONFIG_KEYS, keySpec, namesBelow, type ConfigKey} from './schema.ts';

/** Further apart than this, a suggestion is a guess. */
const MAX_TYPO_DISTANCE = 3;

/** `where` is a file with its line, an environment variable or a flag. */
export function wrongValue(key: ConfigKey, shown: string, where: string): QuiverError {
  const spec = keySpec(key);
  const value = spec.secret === true ? 'this value' : maskCredentials(shown);
  return new QuiverError({
    code: 'CONFIG_VALUE',
    message: where === key ? `${value} is not allowed for ${key}` : `${where}: ${value} is not allowed for ${key}`,
    fix: `Give ${key} ${article(spec.expects)}${spec.expects}.`,
    exit: EXIT.usage,
  });
}

/** `section` is the key of the map that `name` was found in, '' at the top of the file. */
export function unknownKey(section: string, name: string, where: string): QuiverError {
  const full = section === '' ? name : `${section}.${name}`;
  const near = nearest(full, CONFIG_KEYS);
  const place = section === '' ? 'At the top level' : `Below ${section}`;
  return new QuiverError({
    code: 'CONFIG_KEY',
    message: `${where}: there is no key ${full}`,
    fix: `${near === undefined ? '' : `Did you mean ${near}? `}${place} these are allowed: ${allowedBelow(section)}.`,
    exit: EXIT.usage,
  });
}

export function badFile(code: string, where: string, message: string, fix: string, cause?: unknown): QuiverError {
  return new QuiverError({code, message: `${where}: ${message}`, fix, exit: EXIT.usage, cause});
}

function allowedBelow(section: string): string {
  const names = namesBelow(section);
  return [...names, ...(section === '' ? ['include'] : [])].join(', ');
}

function article(expects: string): string {
  return /^(a|an|one|text|true|the|up)\b/.test(expects) ? '' : 'a ';
}

/** The name that a typo most likely meant. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({candidate, distance: editDistance(name.slice(0, 100), candidate)}))
    .toSorted((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= MAX_TYPO_DISTANCE ? best.candidate : undefined;
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({length: b.length + 1}, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const substituted = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(substituted, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
