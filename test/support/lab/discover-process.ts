// What kind of NAT we are behind, by our own client: `node discover-process.ts HOST:PORT…` prints the report as JSON.
import {discoverNat} from '../../../src/lib/stun/nat-discovery.ts';

const servers = process.argv.slice(2).map((text) => {
  const [host = '', port] = text.split(':');
  return {host, port: Number(port)};
});
const report = await discoverNat({servers, signal: AbortSignal.timeout(30_000)});
process.stdout.write(JSON.stringify(report));
