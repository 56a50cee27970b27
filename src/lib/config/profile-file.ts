import {badFile} from './errors.ts';
import {protocolPrefix, STUN_URL, ZERO_ADDRESS, type NetworkProfile} from './profile.ts';

const MAX_NODES = 256;
const MAX_URLS = 16;
const MAX_TEXT_LENGTH = 512;

const PROFILE_KEYS = ['name', 'bootstrap_nodes', 'relay_nodes', 'stun_servers', 'loopback_only', 'chain', 'settlement'];
const CHAIN_KEYS = ['id', 'name', 'rpc_urls', 'explorer'];

/** A user profile as YAML, snake_case as in the configuration. */
export async function profileToYaml(profile: NetworkProfile): Promise<string> {
  const {stringify} = await import('yaml');
  return stringify({
    name: profile.name,
    bootstrap_nodes: profile.bootstrapNodes,
    relay_nodes: profile.relayNodes,
    stun_servers: profile.stunServers,
    loopback_only: profile.loopbackOnly,
    chain: {
      id: profile.chain.id,
      name: profile.chain.name,
      rpc_urls: profile.chain.rpcUrls,
      ...(profile.chain.explorer === undefined ? {} : {explorer: profile.chain.explorer}),
    },
    settlement: profile.settlement,
  });
}

/** Reads what `profileToYaml` wrote or a person edited; what is wrong is named with the file and the key. */
export async function parseProfile(text: string, file: string, name: string): Promise<NetworkProfile> {
  const {parse} = await import('yaml');
  let content: unknown;
  try {
    content = parse(text, {maxAliasCount: 0, stringKeys: true});
  } catch (error) {
    throw badFile('PROFILE_SYNTAX', file, 'is not valid YAML', 'Correct it, or add the network again.', error);
  }
  const top = new Fields(content, file, '', PROFILE_KEYS);
  const chain = new Fields(top.get('chain') ?? {}, file, 'chain.', CHAIN_KEYS);
  if ((top.get('name') ?? name) !== name) throw top.wrong('name', `${name}, like the name of the file`);
  const explorer = chain.optionalText('explorer', /^https?:\/\//, 'a URL');
  return {
    name,
    bootstrapNodes: top.texts('bootstrap_nodes', MAX_NODES),
    relayNodes: top.texts('relay_nodes', MAX_NODES),
    stunServers: stunUrls(top),
    loopbackOnly: top.flag('loopback_only'),
    protocolPrefix: protocolPrefix(name),
    chain: {
      id: chain.positive('id'),
      name: chain.optionalText('name', /./, 'text') ?? name,
      rpcUrls: chain.texts('rpc_urls', MAX_URLS),
      ...(explorer === undefined ? {} : {explorer}),
    },
    settlement: top.optionalText('settlement', /^0x[0-9a-fA-F]{40}$/, 'an address (0x…)') ?? ZERO_ADDRESS,
  };
}

function stunUrls(top: Fields): string[] {
  const urls = top.texts('stun_servers', MAX_URLS);
  if (!urls.every((url) => STUN_URL.test(url))) throw top.wrong('stun_servers', 'a list of stun:host:port');
  return urls;
}

/** The fields of one YAML map, each checked as it is taken. */
class Fields {
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #file: string;
  readonly #prefix: string;

  constructor(content: unknown, file: string, prefix: string, allowed: readonly string[]) {
    this.#file = file;
    this.#prefix = prefix;
    if (typeof content !== 'object' || content === null || Array.isArray(content)) {
      throw badFile('PROFILE_SYNTAX', file, `${prefix || 'it '}has to be a map`, `Keys: ${allowed.join(', ')}.`);
    }
    this.#values = new Map(Object.entries(content));
    const extra = [...this.#values.keys()].find((key) => !allowed.includes(key));
    if (extra !== undefined) {
      const fix = `These are allowed: ${allowed.map((key) => prefix + key).join(', ')}.`;
      throw badFile('PROFILE_KEY', file, `there is no key ${prefix}${extra}`, fix);
    }
  }

  get(key: string): unknown {
    return this.#values.get(key) ?? undefined;
  }

  wrong(key: string, expected: string): Error {
    return badFile('PROFILE_VALUE', this.#file, `${this.#prefix}${key} is not right`, `Make it ${expected}.`);
  }

  texts(key: string, max: number): string[] {
    const list = this.get(key) ?? [];
    const fits = Array.isArray(list) && list.length <= max;
    if (!fits || !list.every(isText)) throw this.wrong(key, `a list of at most ${max} lines of text`);
    return list;
  }

  optionalText(key: string, pattern: RegExp, expected: string): string | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (!isText(value) || !pattern.test(value)) throw this.wrong(key, expected);
    return value;
  }

  flag(key: string): boolean {
    const value = this.get(key) ?? false;
    if (typeof value !== 'boolean') throw this.wrong(key, 'true or false');
    return value;
  }

  positive(key: string): number {
    const value = this.get(key);
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1)
      throw this.wrong(key, 'a whole number above 0');
    return value;
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TEXT_LENGTH && !/[\p{Cc}]/u.test(value);
}
