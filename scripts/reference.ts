/**
 * Writes docs/reference/ from what the code says of itself: the commands from oclif.manifest.json,
 * the settings from their schema. `--check` writes nothing and fails when a page is out of date.
 */
import {mkdir, readFile, writeFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

import {CONFIG_KEYS, environmentName, keySpec} from '../src/lib/config/schema.ts';

interface FlagEntry {
  name: string;
  type: 'boolean' | 'option';
  char?: string;
  description?: string;
  helpGroup?: string;
  helpValue?: string;
  options?: string[];
  allowNo?: boolean;
  multiple?: boolean;
  default?: unknown;
}

interface CommandEntry {
  id: string;
  summary?: string;
  description?: string;
  examples?: (string | {command: string; description?: string})[];
  args: Record<string, {name: string; description?: string; required?: boolean}>;
  flags: Record<string, FlagEntry>;
}

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const FOLDER = join(ROOT, 'docs', 'reference');
const NOTICE = '<!-- Written by scripts/reference.ts; change the code instead, then run `npm run docs`. -->';

const manifest = JSON.parse(await readFile(join(ROOT, 'oclif.manifest.json'), 'utf8')) as {
  commands: Record<string, CommandEntry>;
};

const pages = new Map([
  ['commands.md', commandsPage(Object.values(manifest.commands))],
  ['configuration.md', configurationPage()],
]);

const check = process.argv.includes('--check');
await mkdir(FOLDER, {recursive: true});
for (const [name, text] of pages) {
  const path = join(FOLDER, name);
  const before = await readFile(path, 'utf8').catch(() => '');
  if (before === text) continue;
  if (check) {
    process.stderr.write(`docs/reference/${name} is out of date: run \`npm run docs\`\n`);
    process.exitCode = 1;
  } else await writeFile(path, text);
}

function commandsPage(commands: CommandEntry[]): string {
  const sorted = commands.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const common = Object.values(sorted[0]?.flags ?? {}).filter(({helpGroup}) => helpGroup === 'GLOBAL');
  return [
    NOTICE,
    '# Commands',
    '',
    'Every command also takes these flags:',
    '',
    ...flagTable(common),
    '',
    ...sorted.flatMap(commandSection),
  ].join('\n');
}

function commandSection({id, summary, description, examples = [], args, flags}: CommandEntry): string[] {
  const name = id.replaceAll(':', ' ');
  const own = Object.values(flags).filter(({helpGroup}) => helpGroup !== 'GLOBAL');
  const words = Object.values(args).map((arg) => (arg.required === true ? arg.name : `[${arg.name}]`).toUpperCase());
  return [
    `## quiver ${[name, ...words].join(' ')}`,
    '',
    `${summary ?? ''}.`,
    '',
    ...(description === undefined ? [] : [description, '']),
    ...Object.values(args).flatMap((arg) => [`- \`${arg.name.toUpperCase()}\`: ${arg.description ?? ''}`, '']),
    ...(own.length === 0 ? [] : [...flagTable(own), '']),
    ...(examples.length === 0 ? [] : ['```sh', ...examples.map((example) => exampleLine(example, name)), '```', '']),
  ];
}

function exampleLine(example: string | {command: string}, id: string): string {
  const text = typeof example === 'string' ? example : example.command;
  return text.replaceAll(/<%=\s*config\.bin\s*%>/g, 'quiver').replaceAll(/<%=\s*command\.id\s*%>/g, id);
}

function flagTable(flags: FlagEntry[]): string[] {
  const rows = flags.map((flag) => {
    const value = flag.type === 'boolean' ? '' : ` ${flag.options?.join('\\|') ?? flag.helpValue ?? '<value>'}`;
    const name = flag.allowNo === true ? `--[no-]${flag.name}` : `--${flag.name}`;
    const short = flag.char === undefined ? '' : `-${flag.char}, `;
    return `| \`${short}${name}${value}\` | ${cell(flag.description ?? '')}${flag.multiple === true ? ' (repeatable)' : ''} |`;
  });
  return ['| flag | meaning |', '|---|---|', ...rows];
}

function configurationPage(): string {
  const rows = CONFIG_KEYS.map((key) => {
    const spec = keySpec(key);
    const value = spec.default === undefined ? '' : JSON.stringify(spec.write(spec.default));
    return `| \`${key}\` | ${cell(spec.description)} | ${cell(spec.expects)} | ${value === '' ? '' : `\`${value}\``} | \`${environmentName(key)}\` |`;
  });
  return [
    NOTICE,
    '# Configuration',
    '',
    'A value is taken from the first of these that has it: flag, environment, `quiver.yaml` of the project, the',
    "user's `config.yaml`, the network profile, the default. `quiver config show` prints each value and its origin.",
    '',
    '| key | meaning | expects | default | environment |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
