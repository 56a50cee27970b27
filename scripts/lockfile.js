// Keeps package-lock.json installable everywhere; run it after every change of dependencies, `--check` only looks.
//
// A registry that lacks a package for some other platform makes `npm install` leave it out of the lockfile, after
// which `npm ci` refuses with "Missing … from lock file". Each such optional package gets an entry that says for
// which platform it is, so that npm never asks for it elsewhere. Optional packages lose their `engines`, because npm
// on an older Node silently skips those it deems unfit, although they run on the Node that this project brings along.
// Download addresses are removed: they would tie the project to one registry.
import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const LOCKFILE = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'package-lock.json');
const MODULES = 'node_modules/';

const OS = new Map([
  ['aix', 'aix'],
  ['android', 'android'],
  ['darwin', 'darwin'],
  ['mac', 'darwin'],
  ['freebsd', 'freebsd'],
  ['linux', 'linux'],
  ['netbsd', 'netbsd'],
  ['openbsd', 'openbsd'],
  ['openharmony', 'openharmony'],
  ['sunos', 'sunos'],
  ['win', 'win32'],
  ['win32', 'win32'],
  ['windows', 'win32'],
]);
const CPU = new Map([
  ['aarch64', 'arm64'],
  ['arm', 'arm'],
  ['arm64', 'arm64'],
  ['armv7', 'arm'],
  ['armv7l', 'arm'],
  ['ia32', 'ia32'],
  ['loong64', 'loong64'],
  ['ppc64', 'ppc64'],
  ['riscv64', 'riscv64'],
  ['s390x', 's390x'],
  ['wasm32', 'wasm32'],
  ['x64', 'x64'],
]);

const before = readFileSync(LOCKFILE, 'utf8');
const lock = JSON.parse(before);
const changes = [...addMissing(lock.packages), ...stripEntries(lock.packages)];

if (changes.length === 0) {
  console.log('package-lock.json is complete');
} else if (process.argv.includes('--check')) {
  console.error(`${changes.join('\n')}\nTry: node scripts/lockfile.js`);
  process.exit(1);
} else {
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
  writeFileSync(LOCKFILE, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`package-lock.json: ${changes.length} changes`);
}

function addMissing(packages) {
  const added = [];
  for (const [place, entry] of Object.entries(packages)) {
    for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
      if (isFound(packages, place, name, range)) continue;
      packages[freePlace(packages, place, name)] = missingEntry(name, range, Boolean(entry.dev));
      added.push(`missing: ${name}@${range}, optional dependency of ${place || 'the project'}`);
    }
  }
  return added;
}

function stripEntries(packages) {
  const stripped = [];
  for (const [place, entry] of Object.entries(packages)) {
    if (place === '') continue;
    for (const [key, unwanted] of [
      ['resolved', typeof entry.resolved === 'string' && entry.resolved.startsWith('http')],
      ['engines', Boolean(entry.engines)],
    ]) {
      if (!unwanted) continue;
      delete entry[key];
      stripped.push(`${key}: ${place}`);
    }
  }
  return stripped;
}

/** Node's own look-up: next to the package, then in every folder above it. */
function isFound(packages, place, name, range) {
  for (let folder = place; ; folder = parentOf(folder)) {
    const entry = packages[join(folder, name)];
    // An entry with a name stands for another package, as `overrides` wants.
    if (entry !== undefined) return entry.name !== undefined || !/^[0-9]/.test(range) || entry.version === range;
    if (folder === '') return false;
  }
}

function freePlace(packages, place, name) {
  return packages[join('', name)] === undefined ? join('', name) : join(place, name);
}

function parentOf(place) {
  const cut = place.lastIndexOf(`/${MODULES}`);
  return cut === -1 ? '' : place.slice(0, cut);
}

function join(folder, name) {
  return `${folder === '' ? '' : `${folder}/`}${MODULES}${name}`;
}

function missingEntry(name, range, isDev) {
  const words = name.toLowerCase().split(/[^a-z0-9]+/);
  const pick = (table) => words.map((word) => table.get(word)).find((value) => value !== undefined);
  const arm = words.some((word) => word.startsWith('arm') && word !== 'arm64') ? 'arm' : undefined;
  const os = pick(OS);
  const cpu = pick(CPU) ?? arm;
  const libc = words.some((word) => word.startsWith('musl')) ? 'musl' : words.includes('gnu') ? 'glibc' : undefined;
  return {
    version: range.replace(/^[^0-9]*/, ''),
    ...(cpu && {cpu: [cpu]}),
    ...(isDev && {dev: true}),
    ...(libc && {libc: [libc]}),
    optional: true,
    ...(os && {os: [os]}),
  };
}
