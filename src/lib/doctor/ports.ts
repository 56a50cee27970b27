import {createSocket} from 'node:dgram';
import {once} from 'node:events';
import {createServer} from 'node:net';

import type {Config} from '../config/config.ts';
import {runFile, type Places} from '../config/places.ts';
import type {ConfigKey} from '../config/schema.ts';
import {findPortHolder, type PortHolder} from '../observability/port-holder.ts';
import {readRunFile} from '../service/run-file.ts';
import {ok, warn, type Check} from './check.ts';

type Transport = 'tcp' | 'udp';

interface WantedPort {
  /** The key that moves it. */
  key: ConfigKey;
  transport: Transport;
  port: number;
}

const NODE_SERVICES = ['provider', 'bootstrap', 'relay'] as const;

/** Whether the ports that services would take are free, and who has them if not. */
export function portsCheck(places: Places, loadConfig: () => Promise<Config>): Check {
  return {
    name: 'ports',
    async run() {
      const config = await loadConfig();
      const run = await readRunFile(runFile(places, config.profile.name));
      const ours = run?.live === true ? run.pid : undefined;
      const wanted = wantedPorts(config);
      const states = await Promise.all(wanted.map((each) => portState(each, ours)));
      const taken = states.filter((state) => state !== undefined);
      const first = taken[0];
      if (first === undefined) return ok(`free: ${wanted.map(name).join(', ')}`);
      const fix = `quiver config set ${first.wanted.key} 0   (any free port, or choose one)`;
      return warn(taken.map(({wanted: each, holder}) => `${name(each)} is taken${by(holder)}`).join('; '), fix);
    },
  };
}

/** Each port once, though several services may share a default that only one of them can have. */
function wantedPorts(config: Config): WantedPort[] {
  const all: WantedPort[] = [];
  const add = (key: ConfigKey, transport: Transport, port: number | false): void => {
    const known = all.some((each) => each.port === port && each.transport === transport);
    if (port !== false && port !== 0 && !known) all.push({key, transport, port});
  };
  for (const service of NODE_SERVICES) {
    const tcp = config.get(`${service}.port`);
    add(`${service}.port`, 'tcp', tcp);
    add(`${service}.quic_port`, 'udp', config.get(`${service}.quic_port`) ?? tcp);
    add(`${service}.ws_port`, 'tcp', config.get(`${service}.ws_port`));
    add(`${service}.webrtc_port`, 'udp', config.get(`${service}.webrtc_port`));
  }
  for (const service of ['stun', 'turn'] as const) {
    add(`${service}.port`, 'udp', config.get(`${service}.port`));
    add(`${service}.port`, 'tcp', config.get(`${service}.port`));
    if (config.get(`${service}.tls_cert`) !== undefined) {
      add(`${service}.tls_port`, 'tcp', config.get(`${service}.tls_port`));
    }
  }
  add('signal.port', 'tcp', config.get('signal.port'));
  add('turn.ice_api.port', 'tcp', config.get('turn.ice_api.port'));
  add('admin.port', 'tcp', config.get('admin.port'));
  return all;
}

async function portState(
  wanted: WantedPort,
  ours: number | undefined,
): Promise<{wanted: WantedPort; holder: PortHolder | undefined} | undefined> {
  if (await isFree(wanted)) return undefined;
  const holder = await findPortHolder(wanted.port, wanted.transport);
  return holder !== undefined && holder.pid === ours ? undefined : {wanted, holder};
}

/** Binding is the only proof; all interfaces, so that a holder on any of them shows. */
async function isFree({transport, port}: WantedPort): Promise<boolean> {
  try {
    if (transport === 'tcp') {
      const server = createServer().listen({port, exclusive: true});
      await once(server, 'listening');
      server.close();
      await once(server, 'close');
    } else {
      const socket = createSocket('udp4').bind({port, exclusive: true});
      await once(socket, 'listening').finally(() => socket.close());
    }
    return true;
  } catch {
    return false;
  }
}

function name({transport, port}: WantedPort): string {
  return `${transport.toUpperCase()} ${port}`;
}

function by(holder: PortHolder | undefined): string {
  return holder === undefined ? '' : ` by ${holder.program} (process ${holder.pid})`;
}
