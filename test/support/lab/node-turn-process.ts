// The npm package node-turn as a server, to compare with: `node node-turn-process.ts ADDRESS PORT REALM USERS`, where
// USERS is a JSON object of passwords by name.
// @ts-expect-error It has no types.
import Turn from 'node-turn';

const [address, port, realm, users = '{}'] = process.argv.slice(2);
new Turn({
  listeningPort: Number(port),
  listeningIps: [address],
  relayIps: [address],
  authMech: 'long-term',
  realm,
  credentials: JSON.parse(users) as unknown,
  debugLevel: 'OFF',
}).start();
