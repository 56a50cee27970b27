/** node-turn in a process of its own. */
import {createRequire} from 'node:module';

const [ip, port, realm, username = '', password = ''] = process.argv.slice(2);
const Turn = createRequire(import.meta.url)('node-turn') as new (options: object) => {start(): void};
new Turn({
  listeningIps: [ip],
  relayIps: [ip],
  listeningPort: Number(port),
  authMech: 'long-term',
  realm,
  credentials: {[username]: password},
  debugLevel: 'OFF',
}).start();
