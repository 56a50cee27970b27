import {resolve} from 'node:path';

import type {Config} from '../config/config.ts';
import type {Environment} from '../config/expand.ts';
import type {ConfigKey} from '../config/schema.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import {readPrivateText} from '../core/private-text.ts';
import type {DnsProvider} from '../dns/providers/provider.ts';

/** Tokens and keys are a line; whoever names something else named the wrong file. */
const MAX_SECRET_BYTES = 16_384;

type Open = (config: Config, environment: Environment) => Promise<DnsProvider>;

const BUILT_IN: ReadonlyMap<string, Open> = new Map<string, Open>([
  ['cloudflare', openCloudflare],
  ['rfc2136', openRfc2136],
  ['file', openFile],
]);

/**
 * Whoever `dns.provider` names, of ours or of a plugin's. Throws usage errors that name the key which is missing
 * (DNS_PROVIDER_MISSING, DNS_SETTING_MISSING).
 */
export async function openDnsProvider(
  config: Config,
  environment: Environment,
  fromPlugins: () => Promise<readonly DnsProvider[]>,
): Promise<DnsProvider> {
  const name = config.get('dns.provider');
  const open = BUILT_IN.get(name ?? '');
  if (open !== undefined) return open(config, environment);
  const offered = await fromPlugins();
  const found = offered.find((provider) => provider.name === name);
  if (found !== undefined) return found;
  const names = [...BUILT_IN.keys(), ...offered.map((provider) => provider.name)];
  throw new QuiverError({
    code: 'DNS_PROVIDER_MISSING',
    message: name === undefined ? 'No DNS provider is set' : `There is no DNS provider "${name}"`,
    fix: `Name who serves the zone: --provider ${names.join('|')}, or for good: quiver config set dns.provider ${names[0] ?? ''}`,
    exit: EXIT.usage,
  });
}

async function openCloudflare(...[config, environment]: Parameters<Open>): Promise<DnsProvider> {
  const file = config.get('dns.cloudflare_token_file');
  const token = file === undefined ? environment['CLOUDFLARE_API_TOKEN'] : await readSecret(file);
  if (token === undefined || token === '') {
    throw missing(
      'A token of Cloudflare is needed',
      'export CLOUDFLARE_API_TOKEN=…   (or a file: dns.cloudflare_token_file)',
    );
  }
  const {CloudflareProvider} = await import('../dns/providers/cloudflare.ts');
  return new CloudflareProvider(token);
}

async function openRfc2136(config: Config): Promise<DnsProvider> {
  const server = required(config, 'dns.server', 'quiver config set dns.server 192.0.2.53');
  const file = config.get('dns.tsig_key_file');
  const key = config.get('dns.tsig_key') ?? (file === undefined ? undefined : await readSecret(file));
  if (key === undefined) {
    throw missing('A TSIG key is needed', 'export QUIVER_DNS_TSIG_KEY=name:secret   (or a file: dns.tsig_key_file)');
  }
  const [{Rfc2136Provider}, {readTsigKey}, {readDnsServer}] = await Promise.all([
    import('../dns/providers/rfc2136.ts'),
    import('../dns/providers/tsig-key.ts'),
    import('../dns/wire/server.ts'),
  ]);
  return new Rfc2136Provider(readDnsServer(server, 'dns.server'), readTsigKey(key));
}

async function openFile(config: Config): Promise<DnsProvider> {
  const path = required(config, 'dns.zone_file', 'quiver config set dns.zone_file /etc/bind/db.quiver.example');
  const {ZoneFileProvider} = await import('../dns/providers/zone-file.ts');
  return new ZoneFileProvider(resolve(path));
}

/** Of a file that nobody else may read (0600). */
async function readSecret(path: string): Promise<string> {
  const text = await readPrivateText(path, MAX_SECRET_BYTES);
  if (text !== undefined) return text.trim();
  throw missing(`There is no file ${path}`, `Put the key or the token there: (umask 077 && cat > '${path}')`);
}

function required(config: Config, key: ConfigKey & ('dns.server' | 'dns.zone_file'), fix: string): string {
  const value = config.get(key);
  if (value !== undefined) return value;
  throw missing(`The setting ${key} is missing`, fix);
}

function missing(message: string, fix: string): QuiverError {
  return new QuiverError({code: 'DNS_SETTING_MISSING', message, fix, exit: EXIT.usage});
}
