// The whole interface on one reviewed page: a changed flag, alias or environment name shows up as a diff.
import {existsSync, globSync, readFileSync, statSync} from 'node:fs';
import path from 'node:path';

import {describe, expect, it} from 'vitest';

import {commands, type ManifestCommand, type ManifestFlag} from '../support/manifest.ts';
import {ROOT} from '../support/quiver.ts';

const SNAPSHOT = '../snapshots/commands.txt';

function environmentName({env, description = ''}: ManifestFlag): string {
  const name = env ?? /\[env: (\w+)\]/.exec(description)?.[1];
  return name === undefined ? '' : ` $${name}`;
}

function describeCommand(id: string, command: ManifestCommand): string {
  const args = Object.entries(command.args).map(([name, arg]) =>
    arg.required ? ` ${name.toUpperCase()}` : ` [${name.toUpperCase()}]`,
  );
  const flags = Object.entries(command.flags)
    .sort(([a], [b]) => a.localeCompare(b, 'en'))
    .map(([name, flag]) =>
      [
        `  --${name}`,
        flag.type === 'option' ? `=${flag.options?.join('|') ?? 'value'}` : '',
        flag.multiple ? '...' : '',
        flag.required ? ' (required)' : '',
        flag.char ? ` -${flag.char}` : '',
        flag.aliases?.length ? ` alias ${flag.aliases.join(', ')}` : '',
        environmentName(flag),
        flag.hidden ? ' hidden' : '',
      ].join(''),
    );
  const aliases = command.aliases.length > 0 ? ` (alias ${command.aliases.join(', ')})` : '';
  return [`${id}${args.join('')}${aliases}`, ...flags].join('\n');
}

describe('manifest', () => {
  it('holds every command, flag, alias and environment name as reviewed', async () => {
    const page = [...commands()].map(([id, command]) => describeCommand(id, command)).join('\n\n');
    await expect(`${page}\n`).toMatchFileSnapshot(SNAPSHOT);
  });

  it('holds one command for each file in src/commands', () => {
    const files = globSync('src/commands/**/*.ts').map((file) =>
      file
        .replace(/^src\/commands\//, '')
        .replace(/(\/index)?\.ts$/, '')
        .replaceAll(path.sep, ' '),
    );
    expect([...commands().keys()].sort()).toEqual(files.sort());
  });

  it('gives every command a summary, an example and --json', () => {
    const lacking = [...commands()]
      .filter(([, {summary, examples, enableJsonFlag}]) => !summary || !examples?.length || !enableJsonFlag)
      .map(([id]) => id);
    expect(lacking).toEqual([]);
  });

  it('describes every topic', () => {
    const {oclif} = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
      oclif: {topics: Record<string, unknown>};
    };
    const topics = globSync('src/commands/*')
      .filter((file) => existsSync(file) && statSync(file).isDirectory())
      .map((folder) => path.basename(folder));
    expect(Object.keys(oclif.topics).sort()).toEqual(topics.sort());
  });
});
