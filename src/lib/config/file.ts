import {createReadStream} from 'node:fs';
import {realpath} from 'node:fs/promises';
import {dirname, resolve} from 'node:path';

import type {Document, Node, Pair, YAMLMap} from 'yaml';

import {readAll} from '../core/read-all.ts';
import {badFile, unknownKey, wrongValue} from './errors.ts';
import {expandVariables, type Environment} from './expand.ts';
import type {RawValue, Scalar} from './key.ts';
import {CONFIG_KEYS, isConfigKey, keySpec, type ConfigKey} from './schema.ts';

/** A value found in a file. */
export interface FileValue {
  value: unknown;
  /** `/path/quiver.yaml:12` */
  where: string;
}

/** Room for all records of a big zone (`dns.records`); what is larger is something else. */
const MAX_FILE_BYTES = 32 * 1024 * 1024;
/** Deep enough for site, host and service; a mistake is found before it becomes slow. */
const MAX_INCLUDE_DEPTH = 8;
const MAX_INCLUDED_FILES = 64;
const MAX_SHOWN_LENGTH = 60;

interface Reading {
  environment: Environment;
  /** Real paths of the files being read, outermost first. */
  stack: readonly string[];
  /** Files read so far, all branches together. */
  count: {files: number};
}

/** The values of a file and of those it includes, or undefined when there is no such file. */
export async function readConfigFile(
  path: string,
  environment: Environment,
): Promise<ReadonlyMap<ConfigKey, FileValue> | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  return readLayer(path, text, {environment, stack: [], count: {files: 0}});
}

/** Text of a file, or of a pipe such as `<(…)`; undefined when it does not exist. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    const tooLong = (): Error =>
      badFile(
        'CONFIG_FILE',
        path,
        `larger than ${MAX_FILE_BYTES >> 20} MiB`,
        'Check that this is a quiver configuration file.',
      );
    return (await readAll(createReadStream(path), MAX_FILE_BYTES, tooLong)).toString();
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    if (error.code === 'CONFIG_FILE') throw error;
    const fix = error.code === 'EACCES' ? `chmod u+r '${path}'` : `Make ${path} a readable file, or move it away.`;
    throw badFile('CONFIG_FILE', path, `cannot be read (${String(error.code)})`, fix, error);
  }
}

async function readLayer(path: string, text: string, reading: Reading): Promise<Map<ConfigKey, FileValue>> {
  // A pipe has no real path.
  const real = await realpath(path).catch(() => path);
  if (reading.stack.includes(real)) {
    const chain = [...reading.stack.slice(reading.stack.indexOf(real)), real].join(' → ');
    throw badFile('CONFIG_INCLUDE', path, `includes itself: ${chain}`, 'Remove one of these from its include list.');
  }
  if (reading.stack.length >= MAX_INCLUDE_DEPTH || reading.count.files >= MAX_INCLUDED_FILES) {
    const limit = `at most ${MAX_INCLUDE_DEPTH} levels and ${MAX_INCLUDED_FILES} files`;
    throw badFile('CONFIG_INCLUDE', path, 'too many included files', `Include ${limit}.`);
  }
  reading.count.files += 1;

  const {parseDocument, LineCounter, isMap} = await import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(text, {lineCounter: lines, prettyErrors: false, stringKeys: true});
  const where = (offset: number | undefined): string => `${path}:${lines.linePos(offset ?? 0).line}`;
  const [syntaxError] = document.errors;
  if (syntaxError !== undefined) {
    throw badFile('CONFIG_SYNTAX', where(syntaxError.pos[0]), syntaxError.message, 'Correct the YAML there.');
  }
  const root = document.contents;
  if (root === null) return new Map();
  if (!isMap(root)) {
    throw badFile('CONFIG_SYNTAX', where(0), 'expected sections with keys', 'Begin with e.g. "profile: local".');
  }

  const own = new FileWalker(await import('yaml'), document, reading.environment, where);
  const includes = own.takeIncludes(root);
  own.walk(root, '');
  const merged = new Map<ConfigKey, FileValue>();
  for (const {path: target, where: from} of includes) {
    const file = resolve(dirname(path), target);
    const included = await readText(file);
    if (included === undefined) throw badFile('CONFIG_INCLUDE', from, `${file} does not exist`, 'Correct its path.');
    const layer = await readLayer(file, included, {...reading, stack: [...reading.stack, real]});
    for (const [key, value] of layer) merged.set(key, value);
  }
  for (const [key, value] of own.values) merged.set(key, value);
  return merged;
}

type Yaml = typeof import('yaml');

/** Turns a YAML map into typed values, one key at a time; never builds an object out of names in the file. */
class FileWalker {
  readonly values = new Map<ConfigKey, FileValue>();
  readonly #yaml: Yaml;
  readonly #document: Document.Parsed;
  readonly #environment: Environment;
  readonly #where: (offset: number | undefined) => string;

  constructor(yaml: Yaml, document: Document.Parsed, environment: Environment, where: FileWalker['where']) {
    this.#yaml = yaml;
    this.#document = document;
    this.#environment = environment;
    this.#where = where;
  }

  where(offset: number | undefined): string {
    return this.#where(offset);
  }

  walk(map: YAMLMap, section: string): void {
    for (const pair of map.items) {
      const {name, where} = this.#name(pair);
      if (section === '' && name === 'include') continue;
      const path = section === '' ? name : `${section}.${name}`;
      const node = this.#resolve(pair.value, where);
      if (isConfigKey(path)) this.#take(path, node, where);
      else if (CONFIG_KEYS.some((key) => key.startsWith(`${path}.`))) this.#enter(path, node, where);
      else throw unknownKey(section, name, where);
    }
  }

  takeIncludes(root: YAMLMap): {path: string; where: string}[] {
    const pair = root.items.find((item) => this.#name(item).name === 'include');
    if (pair === undefined) return [];
    const {where} = this.#name(pair);
    const raw = this.#raw(this.#resolve(pair.value, where), where);
    const paths = typeof raw === 'string' ? [raw] : raw;
    if (!Array.isArray(paths) || !paths.every((path) => typeof path === 'string')) {
      throw badFile('CONFIG_INCLUDE', where, 'include takes a list of files', 'include: [common.yaml]');
    }
    return paths.map((path: string) => ({path, where}));
  }

  #name(pair: Pair): {name: string; where: string} {
    const key = pair.key;
    const offset = this.#yaml.isNode(key) ? key.range?.[0] : undefined;
    return {name: this.#yaml.isScalar(key) ? String(key.value) : String(key), where: this.#where(offset)};
  }

  #resolve(value: unknown, where: string): Node | null {
    if (!this.#yaml.isNode(value)) return null;
    if (!this.#yaml.isAlias(value)) return value;
    const node = value.resolve(this.#document);
    if (node !== undefined) return node;
    // It is not shown: a secret that begins with a star looks like this.
    const fix = 'Put it in quotes, if it is text.';
    throw badFile('CONFIG_SYNTAX', where, 'a value that begins with * stands for an anchor (&) that is not there', fix);
  }

  #enter(path: string, node: Node | null, where: string): void {
    if (node === null || (this.#yaml.isScalar(node) && node.value === null)) return;
    if (this.#yaml.isMap(node)) return this.walk(node, path);
    throw badFile(
      'CONFIG_VALUE',
      where,
      `${path} is a section`,
      `Put its keys below it, e.g. "${path}:" and a new line.`,
    );
  }

  #take(key: ConfigKey, node: Node | null, where: string): void {
    // `key:` with nothing after it reads as "not set here", as it does in most tools.
    if (node === null || (this.#yaml.isScalar(node) && node.value === null)) return;
    const raw = this.#raw(node, where);
    const value = raw === undefined ? undefined : keySpec(key).parse(raw);
    if (value === undefined) throw wrongValue(key, shown(raw), where);
    this.values.set(key, {value, where});
  }

  /** A scalar or a list of scalars with variables replaced; undefined for anything else. */
  #raw(node: Node | null, where: string): RawValue | undefined {
    if (this.#yaml.isScalar(node)) return this.#scalar(node.value, node.source, where);
    if (!this.#yaml.isSeq(node)) return undefined;
    const items = node.items.map((item) => {
      const resolved = this.#resolve(item, where);
      return this.#yaml.isScalar(resolved) ? this.#scalar(resolved.value, resolved.source, where) : undefined;
    });
    return items.every((item) => item !== undefined) ? items : undefined;
  }

  #scalar(value: unknown, source: string | undefined, where: string): Scalar | undefined {
    if (typeof value === 'string') return expandVariables(value, this.#environment, where);
    if (typeof value === 'boolean') return value;
    // A decimal as it was written: 0.1 and long integers would lose digits on their way through a double.
    if (typeof value === 'number') return Number.isSafeInteger(value) ? value : (source ?? value);
    return undefined;
  }
}

function shown(raw: RawValue | undefined): string {
  if (raw === undefined) return 'this';
  const text = JSON.stringify(raw);
  return text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}…` : text;
}
