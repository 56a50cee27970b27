import {readFile} from 'node:fs/promises';
import {join} from 'node:path';

import {expect, onTestFinished, test} from 'vitest';

import {EXIT} from '../../../src/lib/core/errors.ts';
import {runQuiver, spawnQuiver, waitForLine} from '../../support/quiver.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const quiver = (home: string, ...args: string[]) => runQuiver(args, {env: {...process.env, QUIVER_HOME: home}});

/** Only a TCP socket on a free port, so that tests can run beside anything. */
const SOCKETS = ['--port', '0', '--quic-port', 'off', '--ws-port', 'off', '--webrtc-port', 'off', '--admin-port', '0'];

interface Ready {
  event: string;
  services: {kind: string; peerId: string; addresses: string[]; metadata: Record<string, unknown>}[];
}

async function start(home: string, ...args: string[]) {
  const child = spawnQuiver([...args, ...SOCKETS, '--json'], {env: {...process.env, QUIVER_HOME: home}});
  onTestFinished(() => void child.kill('SIGKILL'));
  const ready = JSON.parse(await waitForLine(child, () => true)) as Ready;
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const stop = () => {
    child.kill('SIGTERM');
    return ended;
  };
  return {ready, stop, address: ready.services[0]!.addresses[0]!, peerId: ready.services[0]!.peerId};
}

test('networks are listed, added and chosen', async () => {
  const home = temporaryFolder();
  expect((await quiver(home, 'network', 'list')).stdout).toMatch(/^local +local \(31337\) +0 +0 +in use$/m);
  const added = await quiver(
    home,
    'network',
    'add',
    'mine',
    '--bootstrap',
    'bootstrap.quiver.example:4001',
    '--chain',
    'amoy',
  );
  expect(added.code).toBe(EXIT.done);
  expect(await readFile(join(home, 'config', 'profiles', 'mine.yaml'), 'utf8')).toContain(
    'bootstrap.quiver.example:4001',
  );
  expect((await quiver(home, 'network', 'use', 'mine')).code).toBe(EXIT.done);
  const {networks} = JSON.parse((await quiver(home, 'network', 'list', '--json')).stdout) as {networks: object[]};
  expect(networks).toContainEqual(
    expect.objectContaining({
      name: 'mine',
      current: true,
      builtIn: false,
      chain: expect.objectContaining({id: 80_002}),
    }),
  );
});

test.each([
  [['add', 'mine', '--bootstrap', 'nonsense'], '"nonsense" is not the address of a peer'],
  [['add', 'local', '--bootstrap', 'localhost:4001'], 'ships with quiver'],
  [['add', 'mine'], 'bootstrap'],
  [['use', 'nowhere'], 'nowhere'],
])('network %j is wrong usage', async (args, words) => {
  const {code, stderr} = await quiver(temporaryFolder(), 'network', ...args);
  expect(code).toBe(EXIT.usage);
  expect(stderr).toContain(words);
});

test('without a running process, peers and ping say how to start one', async () => {
  const home = temporaryFolder();
  for (const args of [['peers'], ['ping', '127.0.0.1:4001']]) {
    const {code, stderr} = await quiver(home, 'network', ...args);
    expect(code).toBe(EXIT.failed);
    expect(stderr).toContain('Try: quiver up');
  }
});

test('a relay joins a bootstrap; both are seen, pinged, and keep their identity', async () => {
  const [first, second] = [temporaryFolder(), temporaryFolder()];
  const bootstrap = await start(first, 'bootstrap', 'start');
  expect(bootstrap.ready.services.map(({kind}) => kind)).toEqual([
    'network.node',
    'network.bootstrap',
    'network.signal-node',
    'inference.market',
  ]);
  expect(bootstrap.address).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3Koo/);
  const relay = await start(second, 'relay', 'start', '--bootstrap', bootstrap.address, '--region', 'eu-west');
  expect(relay.ready.services[1]).toMatchObject({kind: 'network.relay', metadata: {region: 'eu-west'}});

  const listed = await quiver(second, 'network', 'peers');
  expect(listed.stdout).toContain(bootstrap.peerId);
  expect(listed.stdout).toMatch(/outbound tcp/);
  const pinged = await quiver(second, 'network', 'ping', bootstrap.peerId, '--count', '2', '--json');
  expect(JSON.parse(pinged.stdout)).toMatchObject({
    peerId: bootstrap.peerId,
    roundTripsMs: [expect.any(Number), expect.any(Number)],
  });

  expect(await relay.stop()).toBe(EXIT.done);
  const again = await start(second, 'relay', 'start');
  expect(again.peerId).toBe(relay.peerId);
  expect(await again.stop()).toBe(EXIT.done);
  expect(await bootstrap.stop()).toBe(EXIT.done);
});

test('a taken port and a bad bootstrap end the start with an error that names them', async () => {
  const home = temporaryFolder();
  const bootstrap = await start(home, 'bootstrap', 'start');
  const port = bootstrap.address.split('/')[4]!;
  const options = ['--quic-port', 'off', '--ws-port', 'off', '--webrtc-port', 'off', '--admin-port', '0'];
  const taken = await quiver(temporaryFolder(), 'relay', 'start', '--port', port, ...options);
  expect(taken.code).toBe(EXIT.failed);
  expect(taken.stderr).toContain(`TCP port ${port}`);
  expect(taken.stderr).toContain('--port');
  const bad = await quiver(temporaryFolder(), 'relay', 'start', '--bootstrap', 'nonsense', '--port', '0', ...options);
  expect(bad.stderr).toContain('"nonsense" is not the address of a peer');
  expect(bad.code).toBe(EXIT.usage);
});
