import {MASK, maskCredentials} from '../core/mask.ts';
import type {RawValue, Scalar} from './key.ts';
import type {NetworkProfile} from './profile.ts';
import {CONFIG_KEYS, keySpec, type ConfigKey, type ConfigValue} from './schema.ts';

/** Where a value can come from, the strongest first. */
export type Layer = 'flag' | 'environment' | 'project' | 'user' | 'profile' | 'default';

export interface Origin {
  layer: Layer;
  /** `--port`, `QUIVER_RELAY_PORT`, `/path/quiver.yaml:12`, the profile's name; '' for a default. */
  where: string;
}

export interface Setting {
  value: unknown;
  origin: Origin;
}

/** One key as it may be shown: secrets and passwords in URLs are masked. */
export interface ConfigEntry {
  key: ConfigKey;
  /** As it would be written in a file; null when it is not set. */
  value: RawValue | null;
  origin: Origin;
}

/** The settings of one command: the strongest value of every key, and who said so. */
export class Config {
  /** The network that this command belongs to. */
  readonly profile: NetworkProfile;
  readonly #settings: ReadonlyMap<ConfigKey, Setting>;

  constructor(profile: NetworkProfile, settings: ReadonlyMap<ConfigKey, Setting>) {
    this.profile = profile;
    this.#settings = settings;
  }

  get<K extends ConfigKey>(key: K): ConfigValue<K> {
    const setting = this.#settings.get(key);
    // Each layer stores only what the key's own parse returned, which is this type.
    return (setting === undefined ? keySpec(key).default : setting.value) as ConfigValue<K>;
  }

  origin(key: ConfigKey): Origin {
    return this.#settings.get(key)?.origin ?? {layer: 'default', where: ''};
  }

  /** Every key with its masked value and origin, in the order of the schema. */
  entries(): ConfigEntry[] {
    return CONFIG_KEYS.map((key) => this.entry(key));
  }

  entry(key: ConfigKey): ConfigEntry {
    const spec = keySpec(key);
    const value: unknown = this.get(key);
    const shown = value === undefined ? null : spec.secret === true ? MASK : maskRaw(spec.write(value));
    return {key, value: shown, origin: this.origin(key)};
  }
}

/** `http://user:password@host` is a common way to reach a back end. */
function maskRaw(value: RawValue): RawValue {
  if (typeof value === 'string') return maskCredentials(value);
  return Array.isArray(value)
    ? value.map((item: Scalar) => (typeof item === 'string' ? maskCredentials(item) : item))
    : value;
}
