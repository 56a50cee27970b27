import {join} from 'node:path';

import {badFile, wrongValue} from './errors.ts';
import {Config, type Layer, type Setting} from './config.ts';
import type {Environment} from './expand.ts';
import {readConfigFile} from './file.ts';
import type {RawValue} from './key.ts';
import {userConfigFile, type Places} from './places.ts';
import {loadProfile} from './profile-store.ts';
import {DEFAULT_PROFILE, type NetworkProfile} from './profile.ts';
import {CONFIG_KEYS, environmentName, keySpec, type ConfigKey} from './schema.ts';

/** What a project, or the folder a service runs in, keeps beside its own files. */
const PROJECT_FILE = 'quiver.yaml';

/** A value from the command line. */
export interface FlagValue {
  /** The flag as typed, e.g. `--port`. */
  flag: string;
  value: RawValue;
}

export interface LoadOptions {
  places: Places;
  /** Folder whose quiver.yaml is the project's. */
  cwd: string;
  environment: Environment;
  /** @default none */
  flags?: ReadonlyMap<ConfigKey, FlagValue>;
  /** Read instead of the project's quiver.yaml; it has to exist. */
  file?: string;
}

type Settings = Map<ConfigKey, Setting>;

/**
 * Puts the settings together: flag > environment > project file > user file > network profile > default.
 * Throws a usage error that names the place, the key and what is allowed for the first wrong key or value.
 */
export async function loadConfig(options: LoadOptions): Promise<Config> {
  const {places, environment} = options;
  const strong: Settings = new Map();
  for (const [key, {flag, value}] of options.flags ?? []) add(strong, key, parse(key, value, flag), 'flag', flag);
  for (const key of CONFIG_KEYS) addFromEnvironment(strong, key, environment);
  await addFile(strong, 'project', projectFile(options), environment, options.file !== undefined);
  await addFile(strong, 'user', userConfigFile(places), environment, false);

  const name = strong.get('profile')?.value;
  const profile = await loadProfile(places, typeof name === 'string' ? name : DEFAULT_PROFILE);
  addProfile(strong, profile);
  return new Config(profile, strong);
}

/** The file that stands for the project: the one named with --config, else the folder's quiver.yaml. */
export function projectFile({cwd, file}: Pick<LoadOptions, 'cwd' | 'file'>): string {
  return file ?? join(cwd, PROJECT_FILE);
}

function addFromEnvironment(settings: Settings, key: ConfigKey, environment: Environment): void {
  const name = environmentName(key);
  const text = Object.hasOwn(environment, name) ? environment[name] : undefined;
  // An empty variable is how shells and unit files spell "unset".
  if (text === undefined || text === '') return;
  add(settings, key, parse(key, text, name), 'environment', name);
}

async function addFile(
  settings: Settings,
  layer: Layer,
  path: string,
  environment: Environment,
  required: boolean,
): Promise<void> {
  const values = await readConfigFile(path, environment);
  if (values === undefined && required) {
    throw badFile('CONFIG_FILE', path, 'there is no such file', 'Correct --config, or make one: quiver init');
  }
  for (const [key, {value, where}] of values ?? []) add(settings, key, value, layer, where);
}

function addProfile(settings: Settings, profile: NetworkProfile): void {
  const lists = [
    ['network.bootstrap_nodes', profile.bootstrapNodes],
    ['network.relay_nodes', profile.relayNodes],
    ['network.stun_servers', profile.stunServers],
  ] as const;
  for (const [key, nodes] of lists) if (nodes.length > 0) add(settings, key, nodes, 'profile', profile.name);
}

/** Layers are added from the strongest to the weakest: what stands already wins. */
function add(settings: Settings, key: ConfigKey, value: unknown, layer: Layer, where: string): void {
  if (!settings.has(key)) settings.set(key, {value, origin: {layer, where}});
}

function parse(key: ConfigKey, raw: RawValue, where: string): unknown {
  const value = keySpec(key).parse(raw);
  if (value === undefined) throw wrongValue(key, JSON.stringify(raw), where);
  return value;
}
