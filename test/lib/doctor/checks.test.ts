import {createSocket} from 'node:dgram';
import {once} from 'node:events';
import {chmodSync, mkdirSync, utimesSync, writeFileSync} from 'node:fs';
import {createServer, type AddressInfo} from 'node:net';
import {join} from 'node:path';

import {describe, expect, it} from 'vitest';

import {loadConfig} from '../../../src/lib/config/load.ts';
import {identitiesFolder, placesUnder} from '../../../src/lib/config/places.ts';
import {QuiverError} from '../../../src/lib/core/errors.ts';
import {ok, runChecks, type Check, type CheckResult} from '../../../src/lib/doctor/check.ts';
import {backendsCheck, engineCheck} from '../../../src/lib/doctor/engine.ts';
import {clockCheck, nodeCheck, openFilesCheck} from '../../../src/lib/doctor/machine.ts';
import {identitiesCheck, placesCheck} from '../../../src/lib/doctor/places.ts';
import {portsCheck} from '../../../src/lib/doctor/ports.ts';
import {environmentCheck, entryPointsCheck, settingsCheck} from '../../../src/lib/doctor/settings.ts';
import {loadOrCreatePeerKey} from '../../../src/lib/identity/peer-key.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

async function result(check: Check, signal = new AbortController().signal): Promise<CheckResult> {
  const [only] = await runChecks([check], signal);
  if (only === undefined) throw new Error('no result');
  if (only.status !== 'ok') expect(only.fix).not.toBe('');
  return only;
}

function settings(environment: Record<string, string>): () => ReturnType<typeof loadConfig> {
  const folder = temporaryFolder();
  return () => loadConfig({places: placesUnder(folder), cwd: folder, environment});
}

const profileName = (): Promise<string> => Promise.resolve('local');

describe('runChecks', () => {
  it('makes a failure of an error, ours with its fix, and goes on', async () => {
    const broken = new QuiverError({code: 'X', message: 'broken', fix: 'mend it'});
    const results = await runChecks(
      [
        {name: 'ours', run: () => Promise.reject(broken)},
        {name: 'bug', run: () => Promise.reject(new TypeError('oops'))},
        {name: 'fine', run: () => ok('yes')},
      ],
      new AbortController().signal,
    );
    expect(results).toEqual([
      {name: 'ours', status: 'fail', detail: 'broken', fix: 'mend it'},
      {name: 'bug', status: 'fail', detail: 'the check itself failed: TypeError: oops', fix: expect.any(String)},
      {name: 'fine', status: 'ok', detail: 'yes'},
    ]);
  });

  it('ends with the reason of an interruption, even if a check does not listen', async () => {
    const controller = new AbortController();
    const running = runChecks([{name: 'deaf', run: () => new Promise<never>(() => {})}], controller.signal);
    controller.abort(new Error('stop'));
    await expect(running).rejects.toThrow('stop');
  });
});

describe('node', () => {
  it.each([
    ['v24.15.0', 'ok'],
    ['v25.0.1', 'ok'],
    ['v24.14.9', 'fail'],
    ['v20.19.0', 'fail'],
  ])('%s is %s', async (version, status) => expect((await result(nodeCheck(version))).status).toBe(status));
});

describe('clock', () => {
  it('fails when a file here is younger than now', async () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    expect((await result(clockCheck([file]))).status).not.toBe('fail');
    const tomorrow = Date.now() / 1_000 + 86_400;
    utimesSync(file, tomorrow, tomorrow);
    expect(await result(clockCheck([file]))).toMatchObject({status: 'fail', fix: expect.stringContaining('set-ntp')});
  });
});

describe('open files', () => {
  it.each([
    ['Max open files            1024                 4096                 files', 'warn'],
    ['Max open files            65536                65536                files', 'ok'],
    ['Max open files            unlimited            unlimited            files', 'ok'],
    ['', 'ok'],
  ])('%s', async (line, status) => {
    const file = join(temporaryFolder(), 'limits');
    writeFileSync(file, `Limit Soft Hard Units\n${line}\n`);
    expect((await result(openFilesCheck(file))).status).toBe(status);
  });
});

describe('folders', () => {
  it('may be missing as long as they can be made', async () => {
    expect((await result(placesCheck(placesUnder(temporaryFolder()), profileName))).status).toBe('ok');
  });

  it('fail when others may write to them, or something is in the way', async () => {
    const places = placesUnder(temporaryFolder());
    mkdirSync(places.data);
    chmodSync(places.data, 0o777);
    expect(await result(placesCheck(places, profileName))).toMatchObject({
      status: 'fail',
      fix: `chmod go-w '${places.data}'`,
    });
    const blocked = placesUnder(temporaryFolder());
    writeFileSync(blocked.state, 'a file');
    expect(await result(placesCheck(blocked, profileName))).toMatchObject({
      status: 'fail',
      detail: `${blocked.state} is no folder`,
    });
  });

  it('fail when the disk is full, and when they can not be made never advise to take over the folder above', async () => {
    const places = placesUnder(temporaryFolder());
    expect(await result(placesCheck(places, profileName, Number.MAX_SAFE_INTEGER))).toMatchObject({
      status: 'fail',
      fix: expect.stringContaining('df -h'),
    });
    const elsewhere = await result(placesCheck(placesUnder('/proc/1/quiver'), profileName));
    expect(elsewhere.status).toBe('fail');
    expect(elsewhere.fix).not.toContain('chown');
  });

  it('fail when the path of the control socket would be too long', async () => {
    const places = placesUnder(join(temporaryFolder(), 'x'.repeat(100)));
    expect((await result(placesCheck(places, profileName))).detail).toContain('too long');
  });
});

describe('identities', () => {
  it('are named, and fail when open to others', async () => {
    const places = placesUnder(temporaryFolder());
    expect((await result(identitiesCheck(places))).detail).toContain('none yet');
    const path = join(identitiesFolder(places), 'relay.key');
    await loadOrCreatePeerKey(path);
    expect(await result(identitiesCheck(places))).toMatchObject({status: 'ok', detail: '1 key file: relay'});
    chmodSync(path, 0o644);
    expect(await result(identitiesCheck(places))).toMatchObject({status: 'fail', fix: `chmod 600 '${path}'`});
  });
});

describe('settings', () => {
  it('fail with the place of the mistake', async () => {
    expect((await result(settingsCheck(settings({})))).status).toBe('ok');
    expect(await result(settingsCheck(settings({QUIVER_RELAY_PORT: 'x'})))).toMatchObject({
      status: 'fail',
      detail: expect.stringContaining('QUIVER_RELAY_PORT'),
    });
  });

  it('misspelt variables are named, with the likely meant one', async () => {
    expect((await result(environmentCheck({PATH: '', QUIVER_RELAY_PORT: '1', QUIVER_HOME: '/'}))).status).toBe('ok');
    expect(await result(environmentCheck({QUIVER_RELAY_PROT: '1'}))).toMatchObject({
      status: 'warn',
      fix: 'Did you mean QUIVER_RELAY_PORT?',
    });
  });

  it('what bin/run.js itself puts into the environment is no mistake of the user', async () => {
    const environment = {QUIVER_HOME: '/q', QUIVER_CONFIG_DIR: '/q/config', QUIVER_CACHE_DIR: '/q/cache'};
    expect(await result(environmentCheck(environment))).toMatchObject({status: 'ok', detail: 'QUIVER_HOME'});
  });

  it('a public network without an entry point is worth a word', async () => {
    expect((await result(entryPointsCheck(settings({})))).status).toBe('ok');
    expect((await result(entryPointsCheck(settings({QUIVER_PROFILE: 'amoy'})))).status).toBe('warn');
    const named = settings({QUIVER_PROFILE: 'amoy', QUIVER_NETWORK_BOOTSTRAP_NODES: 'a.example:4001'});
    expect((await result(entryPointsCheck(named))).status).toBe('ok');
  });
});

describe('ports', () => {
  /** Everything on free ports but the relay's TCP and QUIC. */
  function relayOn(port: number): Record<string, string> {
    const sockets = ['PROVIDER', 'BOOTSTRAP', 'RELAY'].flatMap((service) =>
      ['PORT', 'QUIC_PORT', 'WS_PORT', 'WEBRTC_PORT'].map((name) => [`QUIVER_${service}_${name}`, '0']),
    );
    const {QUIVER_RELAY_QUIC_PORT: _, ...others} = Object.fromEntries(sockets) as Record<string, string>;
    const connection = ['STUN', 'TURN', 'TURN_ICE_API', 'SIGNAL'].map((name) => [`QUIVER_${name}_PORT`, '0']);
    const rest = Object.fromEntries([...connection, ['QUIVER_ADMIN_PORT', '0']]) as Record<string, string>;
    return {...others, ...rest, QUIVER_RELAY_PORT: String(port)};
  }

  it('a taken TCP port is named with its holder and the key that moves ours', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const {port} = server.address() as AddressInfo;
    const found = await result(portsCheck(placesUnder(temporaryFolder()), settings(relayOn(port))));
    server.close();
    expect(found).toMatchObject({status: 'warn', fix: expect.stringContaining('quiver config set relay.port')});
    expect(found.detail).toContain(`TCP ${port} is taken`);
    if (process.platform === 'linux') expect(found.detail).toContain(`(process ${process.pid})`);
  });

  it('a taken UDP port counts too, since QUIC follows the TCP port', async () => {
    const socket = createSocket('udp4').bind(0);
    await once(socket, 'listening');
    const {port} = socket.address();
    const found = await result(portsCheck(placesUnder(temporaryFolder()), settings(relayOn(port))));
    socket.close();
    expect(found.detail).toContain(`UDP ${port} is taken`);
    expect(found.fix).toContain('relay.quic_port');
  });

  it('free ones are listed', async () => {
    const socket = createSocket('udp4').bind(0);
    await once(socket, 'listening');
    const {port} = socket.address();
    socket.close();
    const found = await result(portsCheck(placesUnder(temporaryFolder()), settings(relayOn(port))));
    expect(found).toMatchObject({status: 'ok', detail: `free: TCP ${port}, UDP ${port}`});
  });
});

describe('engines', () => {
  it('a missing model fails with the fix of the engine', async () => {
    expect((await result(engineCheck(join(temporaryFolder(), 'none.gguf')))).status).toBe('fail');
  });

  it('a named back end that does not answer is worth a word', async () => {
    const found = await result(backendsCheck(settings({QUIVER_PROVIDER_BACKENDS: 'http://127.0.0.1:1'})));
    expect(found).toMatchObject({status: 'warn', detail: expect.stringContaining('http://127.0.0.1:1')});
  });
});
