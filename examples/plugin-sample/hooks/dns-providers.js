import {readFile, rename, writeFile} from 'node:fs/promises';

/** @import {Change, DnsProvider, RecordSet} from '@quiver-network/quiver/plugin' */

/** Zones by name, in the folder that quiver is called in. */
const FILE = 'sample-dns.json';

/**
 * A provider that keeps zones in a JSON file.
 * @type {DnsProvider}
 */
const sample = {
  name: 'sample-dns',
  prepare(sets) {
    return sets.map((set) => ({...set, proxied: false}));
  },
  async read(zone) {
    return (await readZones())[zone] ?? [];
  },
  async apply(zone, changes, signal) {
    const zones = await readZones();
    const sets = new Map((zones[zone] ?? []).map((set) => [keyOf(set), set]));
    for (const {before, after} of changes) {
      const key = keyOf(after ?? before);
      if (!isSame(sets.get(key), before)) throw new Error(`${key} was changed by somebody else`);
      if (after === undefined) sets.delete(key);
      else sets.set(key, after);
    }
    signal.throwIfAborted();
    await writeFile(`${FILE}.new`, `${JSON.stringify({...zones, [zone]: [...sets.values()]}, null, 2)}\n`);
    await rename(`${FILE}.new`, FILE);
  },
};

/** @returns {Promise<Record<string, RecordSet[]>>} */
async function readZones() {
  try {
    return JSON.parse(await readFile(FILE, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
}

function keyOf({name, type}) {
  return `${name} ${type}`;
}

function isSame(a, b) {
  return a?.ttlSeconds === b?.ttlSeconds && a?.values.join('\n') === b?.values.join('\n');
}

/** Called when `dns.provider` names none of quiver's own. */
export default async function dnsProviders() {
  return [sample];
}
