export type JsonPrimitive = string | number | boolean | null;

/** What can be sent as JSON; a bigint is written as a decimal string. */
export type Json = JsonPrimitive | bigint | readonly Json[] | {readonly [key: string]: Json | undefined};

/** JSON text in which every bigint is a decimal string, since JSON numbers lose digits past 2^53. */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item), indent);
}
