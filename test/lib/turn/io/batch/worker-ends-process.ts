/** Ends workers in every way and prints what is left of each; run as a process of its own, which a wrong end kills. */
import {createSocket} from 'node:dgram';
import {once} from 'node:events';
import {readdirSync} from 'node:fs';
import {Worker} from 'node:worker_threads';

const descriptors = (): number => readdirSync('/proc/self/fd').length;
const client = createSocket('udp4');
client.bind(0, '127.0.0.1');
await once(client, 'listening');

// What Node opens for its first worker stays.
await once(new Worker('', {eval: true}), 'exit');

for (const how of ['terminate', 'close', 'exit', 'throw', 'terminate']) {
  const before = descriptors();
  const worker = new Worker(new URL('echo-worker.ts', import.meta.url));
  let error = '';
  worker.on('error', (thrown) => (error = (thrown as Error).message));
  const [port] = (await once(worker, 'message')) as [number];
  client.send('echo', port, '127.0.0.1');
  const [answer] = (await once(client, 'message')) as [Buffer];
  const open = descriptors() - before;
  const ended = new Promise<number>((resolve) => worker.on('exit', resolve));
  if (how === 'terminate') await worker.terminate();
  else if (how === 'throw') client.send('throw', port, '127.0.0.1');
  else worker.postMessage(how);
  const code = await ended;
  console.log(
    JSON.stringify({how, answer: answer.toString(), opened: open > 2, left: descriptors() - before, code, error}),
  );
}
client.close();
