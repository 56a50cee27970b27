// The floors of the house: an import only ever goes down (docs/decisions/0001-toolchain.md says what lives where).
import {globSync, readFileSync} from 'node:fs';
import path from 'node:path';

import {describe, expect, it} from 'vitest';

const FLOORS: readonly (readonly string[])[] = [
  ['core'],
  ['records', 'config', 'identity', 'storage', 'observability'],
  ['p2p', 'stun', 'probe', 'chain', 'receipts', 'reputation', 'service'],
  ['dns', 'turn', 'ice', 'signal', 'registry', 'gateway', 'inference', 'settlement'],
  ['catalog', 'devnet', 'doctor', 'templates'],
  ['index', 'cli'],
  ['commands'],
];

/** Imports within a floor that are meant, each with its reason. */
const SIDEWAYS = new Map([
  ['gateway → inference', 'a gateway is a client with an HTTP face'],
  ['chain → service', 'the local chain is a service of a host, served over its HTTP face'],
  ['p2p → service', 'a node is started, watched and stopped by the host like everything that runs for long'],
]);

const MAX_SOURCE_LINES = 300;
const MAX_COMMAND_LINES = 80;

const IMPORT =
  /(?:^|[\s;])(?:import|export)\s[^'"`;]*?from\s*'([^']+)'|(?:^|[\s;])import\s*'([^']+)'|import\(\s*'([^']+)'/g;

interface Source {
  file: string;
  text: string;
  room: string;
  imports: readonly string[];
}

const sources: readonly Source[] = globSync('src/**/*.ts')
  .map((file) => file.replaceAll(path.sep, '/'))
  .filter((file) => !file.includes('/gen/'))
  .map((file) => {
    const text = readFileSync(file, 'utf8');
    return {file, text, room: roomOf(file), imports: importsOf(text)};
  });

const code = (source: Source): string => source.text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
const isTerminalRoom = (room: string): boolean => room === 'cli' || room === 'commands';

function importsOf(text: string): string[] {
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

/** `src/lib/p2p/node.ts` is in the room `p2p`, `src/commands/infer.ts` in `commands`. */
function roomOf(file: string): string {
  const [, top, domain] = file.split('/');
  return top === 'lib' ? path.basename(domain!, '.ts') : top!;
}

function floorOf(room: string): number {
  return FLOORS.findIndex((rooms) => rooms.includes(room));
}

/** The rooms of our own that a source imports from. */
function roomsImportedBy(source: Source): string[] {
  return source.imports
    .filter((target) => target.startsWith('.'))
    .map((target) => roomOf(path.posix.join(path.posix.dirname(source.file), target)))
    .filter((room) => room !== source.room);
}

describe('layers', () => {
  it('reads every form of import', () => {
    const text = `import a from 'a';\nimport type {B} from 'b';\nimport {\n  c,\n} from 'c';\nexport * from 'd';\nimport 'e';\nawait import('f')`;
    expect(importsOf(text)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('finds every source in a room with a floor', () => {
    expect(sources.length).toBeGreaterThan(10);
    expect(sources.filter((source) => floorOf(source.room) === -1).map((source) => source.file)).toEqual([]);
  });

  it('imports only downwards', () => {
    const wrong = sources.flatMap((source) =>
      roomsImportedBy(source)
        .filter((room) => floorOf(room) >= floorOf(source.room) && !SIDEWAYS.has(`${source.room} → ${room}`))
        .map((room) => `${source.file}: ${source.room} → ${room}`),
    );
    expect(wrong).toEqual([]);
  });

  it('has no command that imports another', () => {
    const wrong = sources
      .filter((source) => source.room === 'commands')
      .flatMap((source) =>
        source.imports
          .filter((target) => target.startsWith('.'))
          .map((target) => path.posix.join(path.posix.dirname(source.file), target))
          .filter((target) => target.startsWith('src/commands/'))
          .map((target) => `${source.file} → ${target}`),
      );
    expect(wrong).toEqual([]);
  });

  it('keeps oclif and prompts above the library', () => {
    const wrong = sources
      .filter((source) => !isTerminalRoom(source.room))
      .filter((source) => source.imports.some((target) => /^(@oclif\/|inquirer|@inquirer\/)/.test(target)))
      .map((source) => source.file);
    expect(wrong).toEqual([]);
  });

  it('keeps the terminal, the environment and the exit above the library', () => {
    const wrong = sources
      .filter((source) => !isTerminalRoom(source.room))
      .filter((source) => /\bconsole\.|\bprocess\.(env|exit\b|exitCode|stdout|stderr|argv)/.test(code(source)))
      .map((source) => source.file);
    expect(wrong).toEqual([]);
  });

  it('keeps files short', () => {
    const wrong = sources
      .map(({file, room, text}) => ({file, room, lines: text.trimEnd().split('\n').length}))
      .filter(({room, lines}) => lines > (room === 'commands' ? MAX_COMMAND_LINES : MAX_SOURCE_LINES))
      .map(({file, lines}) => `${file}: ${lines} lines`);
    expect(wrong).toEqual([]);
  });
});
