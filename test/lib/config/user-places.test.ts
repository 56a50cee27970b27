import {homedir} from 'node:os';

import {expect, it} from 'vitest';

import {userPlaces} from '../../../src/lib/config/user-places.ts';

const FOLDERS = {configDir: '/etc-home/quiver', dataDir: '/data-home/quiver'};

it('QUIVER_HOME moves all four places', () => {
  expect(userPlaces({QUIVER_HOME: '/q', XDG_RUNTIME_DIR: '/run/user/1'}, FOLDERS)).toEqual({
    config: '/q/config',
    data: '/q/data',
    state: '/q/state',
    run: '/q/run',
  });
});

it('otherwise takes the folders of the platform and of the session', () => {
  const environment = {QUIVER_HOME: '', XDG_STATE_HOME: '/state', XDG_RUNTIME_DIR: '/run/user/1'};
  expect(userPlaces(environment, FOLDERS)).toEqual({
    config: '/etc-home/quiver',
    data: '/data-home/quiver',
    state: '/state/quiver',
    run: '/run/user/1/quiver',
  });
});

it('keeps sockets beside the state where there is no session, and ignores relative folders', () => {
  const state = `${homedir()}/.local/state/quiver`;
  for (const environment of [{}, {XDG_STATE_HOME: 'x', XDG_RUNTIME_DIR: 'y'}]) {
    expect(userPlaces(environment, FOLDERS)).toMatchObject({state, run: `${state}/run`});
  }
});

it('takes the XDG folders where nobody has chosen any, as oclif does', () => {
  expect(userPlaces({XDG_CONFIG_HOME: '/c', XDG_DATA_HOME: 'relative'})).toMatchObject({
    config: '/c/quiver',
    data: `${homedir()}/.local/share/quiver`,
  });
});

it('fails where the user has no home rather than use a shared folder or the current one', () => {
  const {HOME} = process.env;
  try {
    process.env['HOME'] = '';
    expect(() => userPlaces({}, FOLDERS)).toThrow(expect.objectContaining({code: 'NO_HOME', exit: 2}));
    expect(userPlaces({QUIVER_HOME: '/q'}, FOLDERS).state).toBe('/q/state');
  } finally {
    process.env['HOME'] = HOME;
  }
});
