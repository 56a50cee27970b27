import {readFileSync} from 'node:fs';

import {expect, it} from 'vitest';

const ARTIFACT = new URL('../../contracts/artifacts/QUIVerStaking.json', import.meta.url);
/** What is deployed finds its state by it: a version may add at the end, and change nothing else. */
const SNAPSHOT = new URL('../../contracts/snapshots/QUIVerStaking.storage.json', import.meta.url).pathname;

it('keeps the storage of the upgradeable contract where it is', async () => {
  const {storageLayout} = JSON.parse(readFileSync(ARTIFACT, 'utf8')) as {storageLayout: StorageLayout};
  const layout = JSON.stringify(readable(storageLayout), null, 2);
  await expect(`${layout}\n`).toMatchFileSnapshot(SNAPSHOT);
});

interface Variable {
  label: string;
  slot: string;
  offset: number;
  type: string;
}

interface StorageLayout {
  storage: Variable[];
  types: Record<string, {label: string; numberOfBytes: string; members?: Variable[]}>;
}

/** Names, places and types, without the compiler's own numbers, which change with any edit. */
function readable({storage, types}: StorageLayout): object {
  const place = ({label, slot, offset, type}: Variable) => `${slot}:${offset} ${label} ${types[type]?.label ?? type}`;
  const structs = Object.values(types).flatMap(({label, members, numberOfBytes}) =>
    members === undefined ? [] : [[`${label} (${numberOfBytes} bytes)`, members.map(place)] as const],
  );
  return {storage: storage.map(place), ...Object.fromEntries(structs.sort(([a], [b]) => (a < b ? -1 : 1)))};
}
