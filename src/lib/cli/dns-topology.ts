import {topologyInput} from '../catalog/dns-topology.ts';
import type {Config} from '../config/config.ts';
import {QuiverError} from '../core/errors.ts';
import {MissingHostError, readTopology, type TopologyInput} from '../dns/model/read-topology.ts';
import {readZone} from '../dns/model/names.ts';
import type {Topology} from '../dns/model/topology.ts';
import {ask} from './prompt.ts';

/** The topology of the settings; on a terminal asks for a zone and addresses that are missing, elsewhere fails and names them. */
export async function loadTopology(config: Config, interactive: boolean): Promise<Topology> {
  const asks = interactive && config.get('dns.zone') === undefined;
  let input = topologyInput(config, asks ? await askZone() : undefined);
  for (;;) {
    try {
      return readTopology(input);
    } catch (error) {
      if (!(error instanceof MissingHostError) || !interactive) throw error;
      input = {...input, hosts: [...input.hosts, await askHost(error.label, input)]};
    }
  }
}

function askZone(): Promise<string> {
  return ask({
    flag: 'zone',
    message: 'Domain that the network has its names in:',
    check: (text) => reason(() => readZone(text, 'zone')),
  });
}

async function askHost(label: string | undefined, input: TopologyInput): Promise<string> {
  const prefix = label === undefined ? '' : `${label}=`;
  const answer = await ask({
    flag: 'host',
    message: `Address of ${label ?? `the host of ${input.zone}`} (IPv4, IPv6 or both, with a comma between):`,
    check: (text) => problem(`${prefix}${text}`, input),
  });
  return `${prefix}${answer}`;
}

/** Whether this answer will do, whatever else is still missing. */
function problem(line: string, input: TopologyInput): true | string {
  return reason(() => {
    try {
      readTopology({...input, hosts: [...input.hosts, line]});
    } catch (error) {
      if (!(error instanceof MissingHostError)) throw error;
    }
  });
}

function reason(check: () => unknown): true | string {
  try {
    check();
    return true;
  } catch (error) {
    return error instanceof QuiverError ? `${error.message}. ${error.fix}` : String(error);
  }
}
