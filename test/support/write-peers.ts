// Writes to a datastore without end until it is killed: `node write-peers.ts FILE`. Prints each key once it is stored.
import {Key} from 'interface-datastore';

import {createSqliteDatastore} from '../../src/lib/storage/datastore.ts';

const store = createSqliteDatastore(process.argv[2] ?? '');
for (let n = 0; ; n += 1) {
  store.put(new Key(`/peers/${n}`), Buffer.from(String(n)));
  process.stdout.write(`${n}\n`);
  if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
}
