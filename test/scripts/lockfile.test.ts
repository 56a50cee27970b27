import {spawnSync} from 'node:child_process';
import {cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';

import {afterEach, beforeEach, describe, expect, it} from 'vitest';

import {ROOT} from '../support/quiver.ts';

interface Lock {
  packages: Record<string, Record<string, unknown>>;
}

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'q-lock-'));
  mkdirSync(path.join(folder, 'scripts'));
  cpSync(path.join(ROOT, 'scripts', 'lockfile.js'), path.join(folder, 'scripts', 'lockfile.js'));
  cpSync(path.join(ROOT, 'package-lock.json'), path.join(folder, 'package-lock.json'));
});

afterEach(() => rmSync(folder, {recursive: true, force: true}));

const run = (...args: string[]) =>
  spawnSync(process.execPath, [path.join(folder, 'scripts', 'lockfile.js'), ...args], {encoding: 'utf8'});
const read = () => JSON.parse(readFileSync(path.join(folder, 'package-lock.json'), 'utf8')) as Lock;

function change(edit: (lock: Lock) => void): void {
  const lock = read();
  edit(lock);
  writeFileSync(path.join(folder, 'package-lock.json'), `${JSON.stringify(lock, null, 2)}\n`);
}

describe('scripts/lockfile.js', () => {
  it('is content with the lockfile of the project', () => {
    expect(run('--check')).toMatchObject({status: 0});
  });

  it('restores the entry of a package for another platform, as npm wrote it', () => {
    const name = 'node_modules/@rolldown/binding-linux-x64-musl';
    const {version, os, cpu, libc} = read().packages[name]!;
    change((lock) => delete lock.packages[name]);
    expect(run('--check')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('binding-linux-x64-musl') as string,
    });
    expect(run()).toMatchObject({status: 0});
    expect(read().packages[name]).toMatchObject({version, os, cpu, libc, optional: true});
    expect(run('--check')).toMatchObject({status: 0});
  });

  it.each([
    ['a-darwin-arm64', {os: ['darwin'], cpu: ['arm64']}],
    ['a-mac-x64', {os: ['darwin'], cpu: ['x64']}],
    ['a-win32-ia32-msvc', {os: ['win32'], cpu: ['ia32']}],
    ['a-linux-arm-gnueabihf', {os: ['linux'], cpu: ['arm']}],
    ['a-linux-arm-musleabihf', {os: ['linux'], cpu: ['arm'], libc: ['musl']}],
    ['a-linux-arm64-gnu', {os: ['linux'], cpu: ['arm64'], libc: ['glibc']}],
    ['a-wasm32-wasi', {cpu: ['wasm32']}],
  ])('reads the platform of %s from its name', (name, platform) => {
    change((lock) => (lock.packages['node_modules/esbuild']!['optionalDependencies'] = {[name]: '^1.2.3'}));
    run();
    expect(read().packages[`node_modules/${name}`]).toEqual({version: '1.2.3', dev: true, optional: true, ...platform});
  });

  it('nests a version that is not the one at the top', () => {
    const name = '@rolldown/binding-linux-x64-musl';
    change((lock) => (lock.packages['node_modules/esbuild']!['optionalDependencies'] = {[name]: '0.0.1'}));
    expect(run('--check')).toMatchObject({status: 1});
    run();
    expect(read().packages[`node_modules/esbuild/node_modules/${name}`]).toMatchObject({version: '0.0.1'});
  });

  it('takes out download addresses and engines', () => {
    change((lock) => {
      lock.packages['node_modules/esbuild']!['resolved'] = 'https://registry.example/esbuild.tgz';
      lock.packages['node_modules/esbuild']!['engines'] = {node: '>=22'};
    });
    expect(run('--check')).toMatchObject({status: 1});
    run();
    expect(read().packages['node_modules/esbuild']).not.toHaveProperty('resolved');
    expect(read().packages['node_modules/esbuild']).not.toHaveProperty('engines');
  });
});
