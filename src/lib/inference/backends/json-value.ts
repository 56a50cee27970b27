/** Careful reading of JSON that somebody else wrote: nothing is assumed about its shape. */

/** Follows keys and indexes; undefined where there is nothing. */
export function pick(value: unknown, ...path: readonly (string | number)[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, key)) return undefined;
    current = (current as Record<string | number, unknown>)[key];
  }
  return current;
}

export const asText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** A count: a finite number of at least 0, cut to an integer. */
export const asCount = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? Math.trunc(value) : undefined;

/** No model holds so many tokens, and records have 32 bits for them. */
const MAX_TOKENS = 2 ** 31;

/** A count of tokens that can be true. */
export const asTokens = (value: unknown): number | undefined => {
  const count = asCount(value);
  return count === undefined || count > MAX_TOKENS ? undefined : count;
};

export const asNumber = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;

export const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
