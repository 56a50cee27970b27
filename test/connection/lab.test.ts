import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';

import {afterAll, beforeAll, describe, expect, it} from 'vitest';

import {type Coturn, startCoturn} from '../support/lab/coturn.ts';
import {Lab, type LabHost, type Surroundings} from '../support/lab/lab.ts';
import {lacking} from '../support/lab/requires.ts';

const without = lacking('root', 'ip', 'nft', 'turnserver', 'turnutils_natdiscovery');

// What RFC 4787 calls the mapping and filtering of each NAT, as coturn's own tool finds them.
const NATS: [Surroundings, string, string][] = [
  ['open', 'Endpoint Independent Mapping', 'Endpoint Independent Filtering'],
  ['full-cone', 'Endpoint Independent Mapping', 'Endpoint Independent Filtering'],
  ['address-restricted', 'Endpoint Independent Mapping', 'Address Dependent Filtering'],
  ['port-restricted', 'Endpoint Independent Mapping', 'Address and Port Dependent Filtering'],
  ['symmetric', 'Address and Port Dependent Mapping', 'Address and Port Dependent Filtering'],
  ['double-nat', 'Endpoint Independent Mapping', 'Address and Port Dependent Filtering'],
];

describe.skipIf(without)(`the NATs that tests stand on are what they are called ${without ?? ''}`, () => {
  let lab: Lab;
  let server: LabHost;
  let coturn: Coturn;

  beforeAll(async () => {
    lab = new Lab();
    server = lab.server('stun', {addresses: 2});
    const {namespace, addresses} = server;
    coturn = await startCoturn({addresses, port: 3478, alternatePort: 3479, in: namespace});
  });
  afterAll(async () => {
    await coturn.stop();
    lab.close();
  });

  it.concurrent.each(NATS)('%s: %s, %s', async (surroundings, mapping, filtering) => {
    const host = lab.station(surroundings, surroundings);
    const found = await host.namespace.run('turnutils_natdiscovery', ['-m', '-f', server.addresses[0]!]);
    expect(found.match(/(?<=NAT with ).*(?=!)/g)).toEqual([mapping, filtering]);
  });

  it.concurrent.each(['udp-blocked', 'tls-only'] as const)('%s lets no UDP through', async (surroundings) => {
    const host = lab.station(surroundings, surroundings);
    const found = await host.namespace.run('turnutils_natdiscovery', ['-m', server.addresses[0]!]);
    expect(found).not.toContain('NAT with');
  });

  it.each([
    ['udp-blocked', 3478, 'open'],
    ['tls-only', 3478, 'closed'],
    ['tls-only', 5349, 'open'],
  ] as const)('from %s, TCP port %d of a server is %s', async (surroundings, port, expected) => {
    const host = lab.station(`${surroundings}-${port}`, surroundings);
    const script = `require('net').connect(${port}, '${server.addresses[0]}').setTimeout(1000)
      .on('connect', () => out('open')).on('error', (e) => out(e.code)).on('timeout', () => out('closed'));
      function out(t) { console.log(t); process.exit(); }`;
    const answer = await host.namespace.run(process.execPath, ['-e', script]);
    // Nobody listens on 5349: being refused is an answer too, and only the wall gives none.
    expect(answer.trim()).toBe(expected === 'closed' ? 'closed' : port === 3478 ? 'open' : 'ECONNREFUSED');
  });
});

describe.skipIf(lacking('root', 'ip', 'nft'))('a lab', () => {
  it('whose maker was killed is removed by the next, processes and all', async () => {
    const module = fileURLToPath(new URL('../support/lab/lab.ts', import.meta.url));
    const script = `import {Lab} from '${module}'; new Lab().server('x').namespace.spawn('sleep', ['600']);
      setTimeout(() => console.log('made'), 100); setInterval(() => {}, 1000);`;
    const maker = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(maker.stdout, 'data');
    maker.kill('SIGKILL');
    await once(maker, 'exit');
    const left = (): string[] => namespaces().filter((name) => name.startsWith(`quiver-lab-${maker.pid}-`));
    expect(left()).toHaveLength(2);
    const sleeper = spawnSync('ip', ['netns', 'pids', left().find((name) => /-x-\d+$/.test(name))!], {
      encoding: 'utf8',
    });
    new Lab().close();
    expect(left()).toEqual([]);
    await expect.poll(() => commandLine(sleeper.stdout.trim())).toBe('');
  });
});

function namespaces(): string[] {
  return spawnSync('ip', ['netns', 'list'], {encoding: 'utf8'})
    .stdout.split('\n')
    .map((line) => line.split(' ')[0]!);
}

/** Empty for a process that has ended. */
function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
