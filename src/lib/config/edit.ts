import type {Document} from 'yaml';

import {EXIT, QuiverError} from '../core/errors.ts';
import {withLock} from '../core/lock.ts';
import {createPrivateFile, replaceFile} from '../core/private-file.ts';
import {badFile, nearest, wrongValue} from './errors.ts';
import {readText} from './file.ts';
import type {RawValue} from './key.ts';
import {CONFIG_KEYS, isConfigKey, keySpec, type ConfigKey} from './schema.ts';

/** Values are never folded over several lines. */
const WHOLE_LINES = {lineWidth: 0};

/** A key as a user typed it; an unknown one is a usage error with the likely meant one. */
export function checkKey(name: string): ConfigKey {
  if (isConfigKey(name)) return name;
  const near = nearest(name, CONFIG_KEYS);
  throw new QuiverError({
    code: 'CONFIG_KEY',
    message: `There is no key ${name}`,
    fix: near === undefined ? 'List them all: quiver config show' : `Did you mean ${near}?`,
    exit: EXIT.usage,
  });
}

/**
 * Sets one key in a configuration file, made if need be, and leaves comments, order and other keys as they are.
 * A value that the key does not allow is refused before anything is written. Returns the value as it now stands.
 */
export async function setConfigValue(file: string, key: ConfigKey, raw: RawValue): Promise<RawValue> {
  const value = accepted(key, raw);
  const yaml = await import('yaml');
  await withLock(`${file}.lock`, async () => {
    await replaceFile(file, edited(yaml, (await readText(file)) ?? '', file, key, value));
  });
  return value;
}

/** The text of a file with one key changed: in place where that is possible, so that not a blank of the rest moves. */
function edited(yaml: typeof import('yaml'), text: string, file: string, key: ConfigKey, value: RawValue): string {
  const document = yaml.parseDocument(text, {stringKeys: true});
  const [syntaxError] = document.errors;
  if (syntaxError !== undefined || (document.contents !== null && !yaml.isMap(document.contents))) {
    const fault = syntaxError?.message.split('\n')[0] ?? 'not a map of sections';
    throw badFile('CONFIG_SYNTAX', file, fault, 'Correct the file by hand first.');
  }
  const path = key.split('.');
  const inPlace = replacedScalar(yaml, document, text, path, value);
  if (inPlace !== undefined) return inPlace;
  try {
    document.setIn(path, value);
  } catch (error) {
    throw badFile('CONFIG_SYNTAX', file, `${key} has no room: its section is not a map`, 'Correct the file.', error);
  }
  return document.toString(WHOLE_LINES);
}

function replacedScalar(
  yaml: typeof import('yaml'),
  document: Document,
  text: string,
  path: readonly string[],
  value: RawValue,
): string | undefined {
  const node: unknown = document.getIn(path, true);
  if (!yaml.isScalar(node) || !node.range || typeof value === 'object') return undefined;
  const [start, end] = node.range;
  const replaced = text.slice(0, start) + yaml.stringify(value).trimEnd() + text.slice(end);
  // What is plain text elsewhere may mean something inside { } or after a bare colon.
  return yaml.parseDocument(replaced).getIn(path) === value ? replaced : undefined;
}

/** Throws CONFIG_EXISTS when there is a file already. */
export async function refuseExisting(file: string): Promise<void> {
  if ((await readText(file)) !== undefined) throw configExists(file);
}

/** Writes a configuration file that has these values and no others; CONFIG_EXISTS unless it may replace one. */
export async function writeConfigFile(
  file: string,
  values: ReadonlyMap<ConfigKey, RawValue>,
  {replace}: {replace: boolean},
): Promise<void> {
  const {Document} = await import('yaml');
  const document = new Document({});
  document.commentBefore = ' Settings of quiver; `quiver config show` lists every key with what it is set to.';
  for (const [key, raw] of values) document.setIn(key.split('.'), accepted(key, raw));
  const text = document.toString(WHOLE_LINES);
  if (replace) await replaceFile(file, text);
  else if (!(await createPrivateFile(file, text))) throw configExists(file);
}

function configExists(file: string): QuiverError {
  return new QuiverError({
    code: 'CONFIG_EXISTS',
    message: `${file} is there already`,
    fix: 'Change one setting with `quiver config set KEY VALUE --project`, or replace the file with --force.',
  });
}

function accepted(key: ConfigKey, raw: RawValue): RawValue {
  const spec = keySpec(key);
  const value = spec.parse(raw);
  if (value === undefined) throw wrongValue(key, JSON.stringify(raw), key);
  return spec.write(value);
}
