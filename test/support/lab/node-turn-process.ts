// The npm package node-turn as a server, to compare with: `node node-turn-process.ts ADDRESS PORT USERS`.
// @ts-expect-error It has no types.
import Turn from 'node-turn';

const [address = '127.0.0.1', port = '3478', users = '10'] = process.argv.slice(2);
const numbers = Array.from({length: Number(users)}, (_one, i) => i);
new Turn({
  listeningPort: Number(port),
  listeningIps: [address],
  relayIps: [address],
  authMech: 'long-term',
  realm: 'lab.example',
  credentials: Object.fromEntries(numbers.map((i) => [`probe-${i}`, `secret-${i}`])),
  debugLevel: 'OFF',
}).start();
