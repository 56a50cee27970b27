import type {LabHost} from './lab.ts';
import type {ProbeResult} from './probe-process.ts';
import type {Target} from './probes/probe.ts';

/** Runs every probe against a server, from a host of the lab that has three addresses (of IPv6 too, if it has them). */
export async function probeServer(from: LabHost, server: Omit<Target, 'own' | 'own6'>): Promise<ProbeResult[]> {
  const own = from.addresses.slice(0, 3);
  const own6 = from.addresses.slice(3, 6);
  const target = {...server, own, ...(own6.length === 3 ? {own6} : {})};
  const script = `${import.meta.dirname}/probe-process.ts`;
  const output = await from.namespace.run(process.execPath, [script, JSON.stringify(target)]);
  const lines = output.split('\n').filter((line) => line.startsWith('{"name"'));
  if (lines.length === 0) throw new Error(`no probe ran: ${output}`);
  return lines.map((line) => JSON.parse(line) as ProbeResult);
}

/** The names of those that failed, with what was wrong. */
export function failures(results: readonly ProbeResult[]): string[] {
  return results.filter(({result}) => result === 'fail').map(({name, why}) => `${name}: ${why}`);
}
