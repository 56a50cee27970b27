import {spawn, spawnSync, type ChildProcess} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

import type {TsigKey} from '../../../src/lib/dns/wire/tsig.ts';

/** A real name server on loopback. */
export interface Bind {
  host: string;
  port: number;
  key: TsigKey;
  zoneFile: string;
  stop(): Promise<void>;
}

const READY_MS = 10_000;

/** Starts BIND with one zone, which the key may update and transfer. `settings` are of the zone. */
export async function startBind(
  zone: string,
  content: string,
  {settings = '', ipv6 = false}: {settings?: string; ipv6?: boolean} = {},
): Promise<Bind> {
  const folder = await mkdtemp(join(tmpdir(), 'quiver-bind-'));
  const port = await freePort();
  const secret = randomBytes(32);
  const key: TsigKey = {name: 'quiver-key', algorithm: 'hmac-sha256', secret};
  const zoneFile = join(folder, 'zone');
  await writeFile(zoneFile, content);
  const config = `
    key "quiver-key" { algorithm hmac-sha256; secret "${secret.toString('base64')}"; };
    options {
      directory "${folder}"; pid-file none; session-keyfile none; recursion no; notify no; dnssec-validation no;
      listen-on port ${port} { 127.0.0.1; }; listen-on-v6 port ${port} { ${ipv6 ? '::1' : 'none'}; };
    };
    controls { };
    zone "${zone}" {
      type primary; file "zone"; check-names ignore;
      allow-update { key quiver-key; }; allow-transfer { key quiver-key; }; ${settings}
    };`;
  await writeFile(join(folder, 'named.conf'), config);
  const child = spawn('named', ['-g', ...(ipv6 ? [] : ['-4']), '-n', '1', '-c', join(folder, 'named.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await running(child);
  return {
    host: ipv6 ? '::1' : '127.0.0.1',
    port,
    key,
    zoneFile,
    async stop() {
      if (child.exitCode === null) {
        child.kill();
        await once(child, 'exit');
      }
      await rm(folder, {recursive: true});
    },
  };
}

/** Asks with somebody else's client, a line for each record. */
export function dig({host, port}: Bind, name: string, type: string): string[] {
  const found = spawnSync('dig', [`@${host}`, '-p', String(port), '+short', '+tries=1', '+time=3', name, type], {
    encoding: 'utf8',
  });
  return found.stdout
    .split('\n')
    .filter((line) => line !== '')
    .toSorted();
}

async function running(child: ChildProcess): Promise<void> {
  let said = '';
  const ready = new Promise<void>((resolve, reject) => {
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (/^.*\brunning$/m.test(said)) resolve();
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`named ended: ${said.slice(-2_000)}`)));
    setTimeout(() => reject(new Error(`named is not ready: ${said.slice(-2_000)}`)), READY_MS).unref();
  });
  await ready;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Whether the name server is installed; on the machines of CI it has to be. */
export function bindIsThere(): boolean {
  return process.env['CI'] === 'true' || spawnSync('named', ['-v']).status === 0;
}
