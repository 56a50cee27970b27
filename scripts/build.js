// Compiles src/ to dist/, copies the generated records and writes oclif.manifest.json.
// `--if-stale` does nothing when nothing under src/ is newer than the last build.
import {spawnSync} from 'node:child_process';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const MANIFEST = path.join(ROOT, 'oclif.manifest.json');
const STAMP = path.join(ROOT, 'build', 'built');
const GENERATED = ['lib', 'records', 'gen'];

process.chdir(ROOT);
if (!process.argv.includes('--if-stale') || isStale()) await build();

function isStale() {
  if (!existsSync(STAMP) || !existsSync(MANIFEST)) return true;
  const built = statSync(STAMP).mtimeMs;
  const inputs = [...globSync('src/**'), 'package.json', 'tsconfig.json', 'tsconfig.build.json'];
  return inputs.some((file) => statSync(file).mtimeMs > built);
}

async function build() {
  const started = new Date();
  removeOrphans();
  const compiled = spawnSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], {stdio: 'inherit'});
  const generated = path.join('src', ...GENERATED);
  if (existsSync(generated)) cpSync(generated, path.join('dist', ...GENERATED), {recursive: true});
  writeSources();
  await writeManifest();
  // With type errors the rest is still written, so that work on one part isn't held up by another.
  if (compiled.status !== 0) process.exit(compiled.status ?? 1);
  mkdirSync(path.dirname(STAMP), {recursive: true});
  writeFileSync(STAMP, '');
  // A file saved while we compiled counts as newer.
  utimesSync(STAMP, started, started);
}

/** A command whose source is gone must not stay in the manifest. */
function removeOrphans() {
  for (const file of globSync('dist/**/*.js')) {
    const source = file.replace(/^dist/, 'src');
    if (!existsSync(source) && !existsSync(source.replace(/\.js$/, '.ts'))) rmSync(file);
  }
}

/** What explorers ask for beside an artifact; made here, since most of it is other people's code. */
function writeSources() {
  const folder = path.join('contracts', 'artifacts');
  const artifacts = globSync(`${folder}/*.json`).map((file) => JSON.parse(readFileSync(file, 'utf8')));
  const names = [...new Set(artifacts.flatMap(({sources}) => sources))].toSorted((a, b) => (a < b ? -1 : 1));
  const place = (name) => path.join(name.startsWith('@') ? 'node_modules' : 'contracts', name);
  const sources = Object.fromEntries(names.map((name) => [name, readFileSync(place(name), 'utf8')]));
  mkdirSync(path.join(folder, 'sources'), {recursive: true});
  writeFileSync(path.join(folder, 'sources', 'sources.json'), `${JSON.stringify(sources, null, 1)}\n`);
}

/** What `oclif manifest` does, without its own start-up. */
async function writeManifest() {
  const {Plugin} = await import('@oclif/core');
  const plugin = new Plugin({
    errorOnManifestCreate: true,
    ignoreManifest: true,
    respectNoCacheDefault: true,
    root: ROOT,
    type: 'core',
  });
  await plugin.load();
  writeFileSync(MANIFEST, `${JSON.stringify(plugin.manifest, null, 2)}\n`);
}
