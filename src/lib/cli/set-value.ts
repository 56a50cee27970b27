import {text} from 'node:stream/consumers';

import {keySpec, type ConfigKey} from '../config/schema.ts';
import {EXIT, QuiverError} from '../core/errors.ts';

/** The value to set: as given, or from stdin for `-`. A secret on the command line would end up in the shell's history. */
export async function valueFor(key: ConfigKey, given: string): Promise<string> {
  if (given === '-') return (await text(process.stdin)).trim();
  if (keySpec(key).secret !== true) return given;
  throw new QuiverError({
    code: 'SECRET_ARGUMENT',
    message: `${key} is secret and is not taken from the command line, where others can read it`,
    fix: `quiver config set ${key} - < FILE`,
    exit: EXIT.usage,
  });
}
