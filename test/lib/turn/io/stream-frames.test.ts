import {once} from 'node:events';
import {connect} from 'node:net';

import {afterEach, expect, it} from 'vitest';

import {startServer, USER} from './test-server.ts';
import {TurnClient} from './turn-client.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

it('a stranger may not leave a long frame unfinished, who has an allocation sends what UDP can', async () => {
  const {server, port} = await startServer();
  closers.push(() => server.close());
  const stranger = connect({host: '127.0.0.1', port});
  closers.push(() => stranger.destroy());
  stranger.on('error', () => undefined);
  // An Allocate that says it has 60 KiB of attributes.
  stranger.write(Buffer.from('0003f0002112a442000000000000000000000000', 'hex'));
  await once(stranger, 'close', {signal: AbortSignal.timeout(2_000)});

  const [turn, peer] = await Promise.all([
    TurnClient.connect({...USER, transport: 'tcp', host: '127.0.0.1', port}),
    TurnClient.connect({...USER, transport: 'tcp', host: '127.0.0.1', port}),
  ]);
  closers.push(
    () => turn.close(),
    () => peer.close(),
  );
  const [here, there] = [await turn.allocate(), await peer.allocate()];
  if (typeof here === 'number' || typeof there === 'number') throw new Error('no allocation');
  expect([await turn.bind(0x4000, there), await peer.bind(0x4000, here)]).toEqual([0, 0]);
  const data = Buffer.alloc(16 * 1024, 7);
  turn.connection.send(Buffer.concat([Buffer.from('40004000', 'hex'), data]));
  expect((await peer.receive()).data.equals(data)).toBe(true);
});
