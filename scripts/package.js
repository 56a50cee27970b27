// Stages what is published in build/package: our code and the JavaScript it needs as one bundle with an entry for each
// command, native parts as dependencies (docs/decisions/0001-toolchain.md says why). Then: npm pack ./build/package
import {spawnSync} from 'node:child_process';
import {cpSync, existsSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath, pathToFileURL} from 'node:url';

import {build} from 'esbuild';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const STAGE = path.join(ROOT, 'build', 'package');
const TYPES = path.join(ROOT, 'build', 'types');
const ENGINE = 'node-llama-cpp';
const ENGINE_PROBE = 'bindings/utils/testBindingBinary';
const STAGED_ENGINE = 'engine';
/** Packages in the bundle that load a native part from a package for the platform. */
const NATIVE = ['@chainsafe/libp2p-quic', 'node-datachannel', '@nomicfoundation/edr', 'koffi', ENGINE];
const PLATFORM = /(linux-(x64|arm64)(-gnu)?|(darwin|mac)-arm64(-metal)?)$/;
const LICENCE_FILE = /^(licen[cs]e|copying|notice)(\.|-|$)/i;

process.chdir(ROOT);
const project = readJson('package.json');

rmSync(STAGE, {recursive: true, force: true});
mkdirSync(STAGE, {recursive: true});
const bundled = await bundle();
copyTypes();
stageEngine();
for (const file of [
  'README.md',
  'LICENSE',
  'bin/run.js',
  ...globSync(['models/*.gguf', 'contracts/artifacts/**/*.json']),
]) {
  if (existsSync(file)) cpSync(file, path.join(STAGE, file));
}
cpSync('oclif.manifest.json', path.join(STAGE, 'oclif.manifest.json'));
writeJson('package.json', publishedManifest());
writeFileSync(path.join(STAGE, 'THIRD-PARTY.md'), thirdParty([...bundled]));

/** Returns the folders of the packages whose code went into the bundle. */
async function bundle() {
  const {metafile} = await build({
    entryPoints: [
      // Commands, hooks, the library, and what is started as a process or worker of its own.
      ...globSync([
        'src/commands/**/*.ts',
        'src/lib/cli/command-not-found.ts',
        'src/lib/index.ts',
        'src/**/*-{process,worker}.ts',
      ]).map((file) => ({
        in: file,
        out: path.relative('src', file).replace(/\.ts$/, ''),
      })),
      // The engine forks this file to see whether a binary works on this machine.
      {in: `./node_modules/${ENGINE}/dist/${ENGINE_PROBE}.js`, out: `${STAGED_ENGINE}/code/${ENGINE_PROBE}`},
    ],
    outdir: path.join(STAGE, 'dist'),
    chunkNames: 'chunks/[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // Names of classes and functions show up in errors and in `instanceof` by name.
    keepNames: true,
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
    external: [
      ...Object.keys(project.dependencies),
      '@oclif/core/*',
      ...NATIVE.flatMap(allPlatformPackages),
      // Speeds up copying of downloaded models, which the engine does without here.
      '@reflink/*',
    ],
    banner: {
      // What CommonJS packages in the bundle call.
      js: "import {createRequire as __createRequire} from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    plugins: [keepUrls(), nameExports()],
  });
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.keys(output.inputs));
  return new Set(inputs.map(packageFolder).filter((folder) => folder !== undefined));
}

/** A chunk lies elsewhere than the source it came from: what looks for files beside itself gets its old place. */
function keepUrls() {
  const places = [
    {filter: /[/\\]src[/\\](commands|lib)[/\\].*\.ts$/, from: 'src', to: '.', loader: 'ts'},
    {
      filter: /node-llama-cpp[/\\]dist[/\\].*\.js$/,
      from: `node_modules/${ENGINE}/dist`,
      to: `${STAGED_ENGINE}/code`,
      loader: 'js',
    },
  ];
  return {
    name: 'keep-urls',
    setup({onLoad}) {
      for (const {filter, from, to, loader} of places) {
        onLoad({filter}, ({path: file}) => {
          const place = path.posix
            .join(to, path.relative(from, file).replaceAll(path.sep, '/'))
            .replace(/\.ts$/, '.js');
          const url = `(import.meta.url.slice(0, import.meta.url.lastIndexOf('/dist/')) + '/dist/${place}')`;
          return {contents: readFileSync(file, 'utf8').replaceAll('import.meta.url', url), loader};
        });
      }
    },
  };
}

/**
 * A CommonJS package that is imported dynamically has only a default export in the bundle, while Node offers its
 * properties as named ones too: put a module with those names in between.
 */
function nameExports() {
  return {
    name: 'name-exports',
    setup({onResolve, onLoad, resolve}) {
      onResolve({filter: /^[^.]/}, async ({path: specifier, kind, importer, resolveDir, pluginData}) => {
        if (kind !== 'dynamic-import' || pluginData === 'resolving') return undefined;
        const found = await resolve(specifier, {kind, importer, resolveDir, pluginData: 'resolving'});
        if (found.errors.length > 0 || found.external || !isCommonJs(found.path)) return undefined;
        return {path: found.path, namespace: 'named'};
      });
      onLoad({filter: /.*/, namespace: 'named'}, async ({path: file}) => {
        const names = Object.keys(await import(pathToFileURL(file).href)).filter((name) =>
          /^[A-Za-z_$][\w$]*$/.test(name),
        );
        const rest = names.filter((name) => name !== 'default' && name !== '__esModule');
        const from = JSON.stringify(file);
        const contents = `import * as all from ${from};\nexport default all.default;\nexport const {${rest.join(', ')}} = all;`;
        return {contents, resolveDir: path.dirname(file)};
      });
    },
  };
}

function isCommonJs(file) {
  if (/\.[cm]js$/.test(file)) return file.endsWith('.cjs');
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const manifest = path.join(folder, 'package.json');
    if (existsSync(manifest)) return JSON.parse(readFileSync(manifest, 'utf8')).type !== 'module';
  }
}

/** The declarations that the exported ones reach. */
function copyTypes() {
  rmSync(TYPES, {recursive: true, force: true});
  const compiled = spawnSync('node_modules/.bin/tsc', ['-p', 'tsconfig.types.json'], {stdio: 'inherit'});
  if (compiled.status !== 0) process.exit(compiled.status ?? 1);
  const seen = new Set();
  const visit = (file) => {
    if (seen.has(file)) return;
    seen.add(file);
    // Generated code has its declarations beside it.
    const source = [path.join(TYPES, file), path.join('src', file)].find((candidate) => existsSync(candidate));
    const text = readFileSync(source, 'utf8');
    const target = path.join(STAGE, 'dist', file);
    mkdirSync(path.dirname(target), {recursive: true});
    writeFileSync(target, text);
    for (const [, next] of text.matchAll(/(?:from|import\()\s*['"](\.[^'"]+)['"]/g)) {
      visit(path.join(path.dirname(file), next.replace(/\.(ts|js)$/, '.d.ts')));
    }
  };
  for (const {types} of Object.values(project.exports)) visit(path.relative('dist', types));
}

/**
 * The engine's code is in the bundle; these are the files that it reads. Installed as a dependency it would bring
 * 700 MB of GPU variants, the sources to build from and an install script that compiles them.
 */
function stageEngine() {
  const source = path.join('node_modules', ENGINE);
  const target = path.join(STAGE, 'dist', STAGED_ENGINE);
  for (const file of ['LICENSE', 'llama/binariesGithubRelease.json', 'llama/llama.cpp.info.json', 'llama/grammars']) {
    cpSync(path.join(source, file), path.join(target, file), {recursive: true});
  }
  const {name, version, license, type} = readJson(path.join(source, 'package.json'));
  writeJson(path.join('dist', STAGED_ENGINE, 'package.json'), {name, version, license, type});
}

function publishedManifest() {
  const {name, version, description, license, type, exports, files, dependencies, oclif} = project;
  return {
    name,
    version,
    description,
    license,
    type,
    // Not in the project's own manifest: npx would install the checkout into its cache before each run.
    bin: {quiver: 'bin/run.js'},
    exports,
    files,
    oclif,
    engines: {node: project.devEngines.runtime.version},
    dependencies,
    optionalDependencies: Object.fromEntries(NATIVE.flatMap(platformPackages)),
    publishConfig: {access: 'public', provenance: true},
  };
}

function allPlatformPackages(name) {
  return Object.keys(readJson(path.join('node_modules', name, 'package.json')).optionalDependencies);
}

function platformPackages(name) {
  const {version} = readJson(path.join('node_modules', name, 'package.json'));
  return allPlatformPackages(name)
    .filter((platform) => PLATFORM.test(platform))
    .map((platform) => [platform, version]);
}

function thirdParty(folders) {
  const sections = folders.map((folder) => {
    const {name, version, license} = readJson(path.join(folder, 'package.json'));
    const texts = readdirSync(folder)
      .filter((file) => LICENCE_FILE.test(file))
      .map((file) => readFileSync(path.join(folder, file), 'utf8').trim());
    return `## ${name} ${version} (${license})\n\n${texts.join('\n\n') || 'The package carries no licence text.'}\n`;
  });
  return `# Packages inside this one\n\n${sections.sort().join('\n')}`;
}

/** `node_modules/a/node_modules/@b/c/dist/x.js` is in `node_modules/a/node_modules/@b/c`. */
function packageFolder(file) {
  return /^([^:]*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1];
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

function writeJson(file, value) {
  const target = path.join(STAGE, file);
  mkdirSync(path.dirname(target), {recursive: true});
  writeFileSync(target, `${JSON.stringify(value, null, 2)}\n`);
}
