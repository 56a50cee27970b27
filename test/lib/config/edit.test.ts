import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';

import {expect, it} from 'vitest';
import {parse} from 'yaml';

import {checkKey, refuseExisting, setConfigValue, writeConfigFile} from '../../../src/lib/config/edit.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const BEFORE = `# my node
profile: local # for now

relay:
  # the usual one is taken
  port: 4011
`;

it('changes one value and leaves comments, order and the other keys as they are', async () => {
  const file = join(temporaryFolder(), 'quiver.yaml');
  writeFileSync(file, BEFORE);
  await setConfigValue(file, 'relay.port', '4012');
  await setConfigValue(file, 'network.bootstrap_nodes', 'a.example:4001, b.example:4001');
  expect(readFileSync(file, 'utf8')).toBe(
    `${BEFORE.replace('4011', '4012')}network:\n  bootstrap_nodes:\n    - a.example:4001\n    - b.example:4001\n`,
  );
});

it('touches nothing but the value, where one stands already', async () => {
  const file = join(temporaryFolder(), 'quiver.yaml');
  const before = 'relay: # here\n    port:   1    # there\n\n\n    region: "eu"\nlog: {level: info}\n';
  writeFileSync(file, before);
  await setConfigValue(file, 'relay.port', '2');
  await setConfigValue(file, 'relay.region', 'on');
  await setConfigValue(file, 'log.level', 'warn');
  expect(readFileSync(file, 'utf8')).toBe(before.replace('1 ', '2 ').replace('"eu"', 'on').replace('info', 'warn'));
});

it('quotes a value that would mean something else where it stands', async () => {
  const file = join(temporaryFolder(), 'quiver.yaml');
  writeFileSync(file, 'provider: {backend_api_key: old, name: x}\n');
  const key = 'a, name: evil';
  await setConfigValue(file, 'provider.backend_api_key', key);
  expect(parse(readFileSync(file, 'utf8'))).toEqual({provider: {backend_api_key: key, name: 'x'}});
});

it('gives a value to a key that has none, and a long list its own lines', async () => {
  const file = join(temporaryFolder(), 'quiver.yaml');
  writeFileSync(file, 'relay:\n  port:\n');
  await setConfigValue(file, 'relay.port', '2');
  const long = `/dns4/${'x'.repeat(100)}.example/tcp/4001`;
  await setConfigValue(file, 'network.bootstrap_nodes', long);
  await setConfigValue(file, 'network.bootstrap_nodes', 'a.example:1');
  expect(readFileSync(file, 'utf8')).toBe('relay:\n  port: 2\nnetwork:\n  bootstrap_nodes:\n    - a.example:1\n');
});

it('writes a value in the form of its key, not as it was typed', async () => {
  const file = join(temporaryFolder(), 'new', 'quiver.yaml');
  expect(await setConfigValue(file, 'network.connection_limits.connection_grace_period', '90s')).toBe('1m30s');
  expect(await setConfigValue(file, 'relay.quic_port', 'off')).toBe('off');
  expect(await setConfigValue(file, 'network.enable_dht', 'false')).toBe(false);
  expect(readFileSync(file, 'utf8')).toContain('enable_dht: false');
});

it('refuses a wrong value before anything is written', async () => {
  const file = join(temporaryFolder(), 'quiver.yaml');
  writeFileSync(file, BEFORE);
  await expect(setConfigValue(file, 'relay.port', 'high')).rejects.toMatchObject({code: 'CONFIG_VALUE', exit: 2});
  expect(readFileSync(file, 'utf8')).toBe(BEFORE);
});

it('loses nothing when several write at once', async () => {
  const file = join(temporaryFolder(), 'quiver.yaml');
  const keys = ['relay.port', 'relay.ws_port', 'bootstrap.port', 'bootstrap.ws_port', 'provider.port'] as const;
  await Promise.all(keys.map((key) => setConfigValue(file, key, '7')));
  for (const key of keys) {
    const [section, name] = key.split('.');
    expect(readFileSync(file, 'utf8')).toMatch(new RegExp(`${section}:\\n( .*\\n)* {2}${name}: 7\\n`));
  }
});

it.each(['relay: [', '- list', 'relay: 5'])('does not touch a file that it can not understand: %s', async (text) => {
  const file = join(temporaryFolder(), 'quiver.yaml');
  writeFileSync(file, text);
  await expect(setConfigValue(file, 'relay.port', '1')).rejects.toMatchObject({code: 'CONFIG_SYNTAX'});
  expect(readFileSync(file, 'utf8')).toBe(text);
});

it('names the likely meant key', () => {
  expect(checkKey('relay.port')).toBe('relay.port');
  expect(() => checkKey('relay.porrt')).toThrow(expect.objectContaining({fix: 'Did you mean relay.port?', exit: 2}));
  expect(() => checkKey('__proto__')).toThrow(expect.objectContaining({code: 'CONFIG_KEY'}));
});

it('writes a new file only where none is, unless told otherwise', async () => {
  const file = join(temporaryFolder(), 'quiver.yaml');
  const values = new Map([['relay.port', '1']] as const);
  await refuseExisting(file);
  await writeConfigFile(file, values, {replace: false});
  expect(readFileSync(file, 'utf8')).toMatch(/^# Settings[^\n]*\n\nrelay:\n {2}port: 1\n$/);
  await expect(refuseExisting(file)).rejects.toMatchObject({code: 'CONFIG_EXISTS'});
  await expect(writeConfigFile(file, values, {replace: false})).rejects.toMatchObject({code: 'CONFIG_EXISTS'});
  await writeConfigFile(file, new Map(), {replace: true});
  expect(readFileSync(file, 'utf8')).not.toContain('relay');
});
