import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';

import {afterEach, beforeEach, describe, expect, it} from 'vitest';

import type {Config} from '../../../src/lib/config/config.ts';
import {loadConfig, type LoadOptions} from '../../../src/lib/config/load.ts';
import {placesUnder, userConfigFile} from '../../../src/lib/config/places.ts';
import {CONFIG_KEYS, environmentName, keySpec} from '../../../src/lib/config/schema.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'q-config-'));
});

afterEach(() => rm(folder, {recursive: true}));

const project = (): string => join(folder, 'quiver.yaml');
const user = (): string => userConfigFile(placesUnder(join(folder, 'home')));

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), {recursive: true});
  await writeFile(path, text);
}

function load(options: Partial<LoadOptions> = {}): Promise<Config> {
  return loadConfig({places: placesUnder(join(folder, 'home')), cwd: folder, environment: {}, ...options});
}

/** Loads a project file that is wrong and gives the error. */
async function fault(
  text: string,
  environment = {},
): Promise<{message: string; fix: string; code: string; exit: number}> {
  await write(project(), text);
  return load({environment}).then(
    () => expect.fail('accepted'),
    (error: {message: string; fix: string; code: string; exit: number}) => {
      expect(error.exit).toBe(2);
      return error;
    },
  );
}

describe('precedence', () => {
  it('flag > environment > project > user > profile > default, and says which it was', async () => {
    const environment = {QUIVER_RELAY_PORT: '3'};
    const flags = new Map([['relay.port', {flag: '--port', value: '4'}]] as const);
    const origins: [number, string][] = [];
    const look = async (options: Partial<LoadOptions>): Promise<void> => {
      const config = await load(options);
      origins.push([config.get('relay.port'), config.origin('relay.port').layer]);
    };
    await look({});
    await write(user(), 'relay: {port: 1}');
    await look({});
    await write(project(), 'relay:\n  port: 2');
    await look({});
    expect((await load()).origin('relay.port').where).toBe(`${project()}:2`);
    await look({environment});
    await look({environment, flags});
    expect(origins).toEqual([
      [4001, 'default'],
      [1, 'user'],
      [2, 'project'],
      [3, 'environment'],
      [4, 'flag'],
    ]);
  });

  it('takes peers from the network profile unless a stronger layer names some', async () => {
    await write(
      join(folder, 'home', 'config', 'profiles', 'lab.yaml'),
      'bootstrap_nodes: [node.lab.example:4001]\nchain: {id: 5, name: lab}\n',
    );
    const config = await load({environment: {QUIVER_PROFILE: 'lab'}});
    expect(config.profile.protocolPrefix).toBe('/quiver/lab');
    expect(config.get('network.bootstrap_nodes')).toEqual(['node.lab.example:4001']);
    expect(config.origin('network.bootstrap_nodes')).toEqual({layer: 'profile', where: 'lab'});
  });

  it('takes an empty variable for an unset one', async () => {
    expect((await load({environment: {QUIVER_RELAY_PORT: ''}})).get('relay.port')).toBe(4001);
  });

  it('reads the file of --config instead of the project, and insists on it', async () => {
    await write(project(), 'relay: {port: 1}');
    await write(join(folder, 'other.yaml'), 'relay: {port: 2}');
    expect((await load({file: join(folder, 'other.yaml')})).get('relay.port')).toBe(2);
    await expect(load({file: join(folder, 'none.yaml')})).rejects.toMatchObject({code: 'CONFIG_FILE', exit: 2});
  });
});

describe('a wrong file', () => {
  it('that never ends is given up', async () => {
    await expect(load({file: '/dev/zero'})).rejects.toMatchObject({code: 'CONFIG_FILE', exit: 2});
  });

  it('has a secret that reads as an alias: it is neither dropped nor shown', async () => {
    const {message} = await fault('provider:\n  backend_api_key: *sk-canary\n');
    expect(message).toContain(':2: a value that begins with *');
    expect(message).not.toContain('canary');
  });

  it('names the file, the line, the key, the likely meant one and what is allowed', async () => {
    const {message, fix} = await fault('profile: local\nrelay:\n  # here\n  prot: 4001\n');
    expect(message).toBe(`${project()}:4: there is no key relay.prot`);
    expect(fix).toContain('Did you mean relay.port?');
    expect(fix).toContain('region');
  });

  it.each([
    ['provider: {price_in: 79228162515}', 'provider.price_in', 'below 79228162514'],
    ['provider: {name: node}', '"node"', 'up to 32'],
    ['provider: {region: "' + 'x'.repeat(33) + '"}', 'provider.region', 'up to 32'],
    ['provider: {backends: ["http://host:99999"]}', 'provider.backends', 'URLs'],
    ['provider: {backends: ["http://host/?key=canary"]}', 'key=********"', 'without a query'],
    ['relay:\n  port: 70000', ':2: 70000 is not allowed for relay.port', 'a port from 1 to 65535'],
    ['network:\n  connection_limits: {connection_grace_period: 20}', 'connection_grace_period', '20s'],
    ['log: {level: loud}', '"loud"', 'trace, debug'],
    ['network: {enable_dht: "yes"}', '"yes"', 'true or false'],
    ['network: {bootstrap_nodes: {a: b}}', 'network.bootstrap_nodes', 'a list of'],
    ['provider: {backends: [localhost]}', 'provider.backends', 'http://host:port'],
    ['relay: 4001', ':1: relay is a section', 'below it'],
    ['admin: {host: "a b"}', 'admin.host', 'IP address'],
  ])('%s', async (text, inMessage, inFix) => {
    const {message, fix} = await fault(text);
    expect(message).toContain(inMessage);
    expect(fix).toContain(inFix);
  });

  it.each([
    ['relay: [', 'CONFIG_SYNTAX'],
    ['- a', 'CONFIG_SYNTAX'],
    ['relay: {port: 1}\nrelay: {port: 2}', 'CONFIG_SYNTAX'],
    ['__proto__:\n  polluted: true', 'CONFIG_KEY'],
    ['constructor: {prototype: {polluted: true}}', 'CONFIG_KEY'],
    ['relay:\n  __proto__: 1', 'CONFIG_KEY'],
    ['? [a, b]\n: 1', 'CONFIG_SYNTAX'],
    [`relay: {region: ${'x'.repeat(34_000_000)}}`, 'CONFIG_FILE'],
  ])('is refused: %.40s', async (text, code) => {
    expect((await fault(text)).code).toBe(code);
    expect('polluted' in {}).toBe(false);
  });

  it('never shows the value of a secret', async () => {
    const {message, fix} = await fault(`provider: {backend_api_key: [hush, hush]}`);
    expect(message + fix).not.toContain('hush');
    expect(message).toContain('provider.backend_api_key');
  });

  it('is named by variable or flag when it is one of those', async () => {
    await expect(load({environment: {QUIVER_RELAY_PORT: 'x'}})).rejects.toThrow('QUIVER_RELAY_PORT: "x"');
    const flags = new Map([['relay.port', {flag: '--port', value: 'x'}]] as const);
    await expect(load({flags})).rejects.toThrow('--port: "x"');
  });
});

describe('variables', () => {
  it('are put in before a value is read, with a fallback where one is given', async () => {
    await write(project(), 'relay: {port: "${P}", region: "${R:-eu}-1"}\nprovider: {backends: ["http://${H}:1"]}');
    const config = await load({environment: {P: '77', H: 'gpu'}});
    expect(config.get('relay.port')).toBe(77);
    expect(config.get('relay.region')).toBe('eu-1');
    expect(config.get('provider.backends')).toEqual(['http://gpu:1']);
  });

  it('keep a doubled dollar sign as one, and are not expanded twice', async () => {
    await write(project(), 'provider: {backends: ["http://h/$${A}", "http://h/${B}"]}');
    const config = await load({environment: {A: 'a', B: '${A}'}});
    expect(config.get('provider.backends')).toEqual(['http://h/${A}', 'http://h/${A}']);
  });

  it('are an error with file and line when unset', async () => {
    const {message, fix} = await fault('relay:\n  region: ${NOWHERE}');
    expect(message).toBe(`${project()}:2: the environment variable NOWHERE is not set`);
    expect(fix).toContain('export NOWHERE=');
  });

  it('never come from the prototype of the environment', async () => {
    expect((await fault('relay: {region: "${constructor}"}', {})).code).toBe('CONFIG_VARIABLE');
  });
});

describe('include', () => {
  it('puts the including file above the included, and a later one above an earlier', async () => {
    await write(join(folder, 'parts', 'a.yaml'), 'relay: {port: 1, region: a, ws_port: 1}');
    await write(join(folder, 'parts', 'b.yaml'), 'include: [c.yaml]\nrelay: {port: 2, ws_port: 2}');
    await write(join(folder, 'parts', 'c.yaml'), 'relay: {quic_port: off}');
    await write(project(), 'include: [parts/a.yaml, parts/b.yaml]\nrelay: {port: 3}');
    const config = await load();
    expect(config.get('relay.port')).toBe(3);
    expect(config.get('relay.ws_port')).toBe(2);
    expect(config.get('relay.quic_port')).toBe(false);
    expect(config.get('relay.region')).toBe('a');
    expect(config.origin('relay.region').where).toBe(`${join(folder, 'parts', 'a.yaml')}:1`);
  });

  it('in a circle is an error that shows the circle', async () => {
    await write(join(folder, 'b.yaml'), 'include: quiver.yaml');
    const {code, message} = await fault('include: [b.yaml]');
    expect(code).toBe('CONFIG_INCLUDE');
    expect(message).toMatch(/quiver\.yaml → .*b\.yaml → .*quiver\.yaml/);
  });

  it('is bounded in depth and number', async () => {
    for (let n = 0; n < 12; n += 1) await write(join(folder, `${n}.yaml`), `include: [${n + 1}.yaml]`);
    expect((await fault('include: [0.yaml]')).message).toContain('too many included files');
    await write(join(folder, 'empty.yaml'), '');
    const many = Array.from({length: 80}, () => 'empty.yaml').join(', ');
    expect((await fault(`include: [${many}]`)).message).toContain('too many included files');
  });

  it('of a missing file names the line', async () => {
    expect((await fault('profile: local\ninclude: [gone.yaml]')).message).toMatch(/quiver\.yaml:2: .*gone\.yaml/);
  });
});

describe('the schema', () => {
  it('gives every key its own environment variable', () => {
    expect(new Set(CONFIG_KEYS.map(environmentName)).size).toBe(CONFIG_KEYS.length);
  });

  it('accepts every default in the form in which it is written', () => {
    for (const key of CONFIG_KEYS) {
      const spec = keySpec(key);
      if (spec.default === undefined) continue;
      expect(spec.parse(spec.write(spec.default)), key).toEqual(spec.default);
    }
  });

  it('keeps every digit of an amount, also of a YAML number', async () => {
    await write(
      project(),
      'provider:\n  price_in: 0.000000000000000001\n  price_out: 12345678901.234567890123456789\n  max_prompt_size: 128KiB',
    );
    const config = await load();
    expect(config.get('provider.price_in')).toBe(1n);
    expect(config.get('provider.price_out')).toBe(12_345_678_901_234_567_890_123_456_789n);
    expect(config.get('provider.max_prompt_size')).toBe(131_072);
    expect((await fault('provider: {max_prompt_size: 2MiB}')).fix).toContain('up to 768KiB');
    expect((await fault('provider: {price_in: 1e-3}')).message).toContain('provider.price_in');
  });

  it('reads the connection limits under the names that operators know', async () => {
    await write(
      project(),
      'network:\n  connection_limits:\n    max_peers: 50\n    max_pending_connections: 10\n    connection_grace_period: 20s\n',
    );
    expect((await load()).get('network.connection_limits.connection_grace_period')).toBe(20_000);
  });
});

it('masks secrets and passwords in URLs', async () => {
  await write(project(), 'provider: {backend_api_key: canary-1, backends: ["http://me:canary-2@gpu:1"]}');
  const config = await load();
  expect(config.get('provider.backend_api_key')).toBe('canary-1');
  const shown = JSON.stringify(config.entries());
  expect(shown).not.toContain('canary');
  expect(shown).toContain('http://********@gpu:1');
});
