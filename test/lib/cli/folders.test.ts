import {homedir} from 'node:os';

import {expect, it} from 'vitest';

import {placesOf} from '../../../src/lib/cli/folders.ts';

const FOLDERS = {configDir: '/etc-home/quiver', dataDir: '/data-home/quiver'};

it('QUIVER_HOME moves all four places', () => {
  expect(placesOf(FOLDERS, {QUIVER_HOME: '/q', XDG_RUNTIME_DIR: '/run/user/1'})).toEqual({
    config: '/q/config',
    data: '/q/data',
    state: '/q/state',
    run: '/q/run',
  });
});

it('otherwise takes the folders of the platform and of the session', () => {
  const environment = {QUIVER_HOME: '', XDG_STATE_HOME: '/state', XDG_RUNTIME_DIR: '/run/user/1'};
  expect(placesOf(FOLDERS, environment)).toEqual({
    config: '/etc-home/quiver',
    data: '/data-home/quiver',
    state: '/state/quiver',
    run: '/run/user/1/quiver',
  });
});

it('keeps sockets beside the state where there is no session, and ignores relative folders', () => {
  const state = `${homedir()}/.local/state/quiver`;
  for (const environment of [{}, {XDG_STATE_HOME: 'x', XDG_RUNTIME_DIR: 'y'}]) {
    expect(placesOf(FOLDERS, environment)).toMatchObject({state, run: `${state}/run`});
  }
});

it('fails where the user has no home rather than use a shared folder or the current one', () => {
  const {HOME} = process.env;
  try {
    process.env['HOME'] = '';
    expect(() => placesOf(FOLDERS, {})).toThrow(expect.objectContaining({code: 'NO_HOME', exit: 2}));
    expect(placesOf(FOLDERS, {QUIVER_HOME: '/q'}).state).toBe('/q/state');
  } finally {
    process.env['HOME'] = HOME;
  }
});
