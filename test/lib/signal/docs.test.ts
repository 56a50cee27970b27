// What docs/signalling.md promises: its code runs, and its tables are those of the server.
import {readFileSync} from 'node:fs';
import {join} from 'node:path';

import {describe, expect, it, onTestFinished} from 'vitest';

import {CLOSE} from '../../../src/lib/signal/errors.ts';
import {joinByWebSocket} from '../../../src/lib/signal/client/websocket.ts';
import {join as joinRoom, next, startServer} from './support/signal.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const PAGE = readFileSync(join(ROOT, 'docs', 'signalling.md'), 'utf8');

type Keys = Awaited<ReturnType<typeof generateKeys>>;
const generateKeys = () => crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']);

interface PageCode {
  joinRoom(
    url: string,
    keys: Keys,
    options: {room: string; profile: string},
  ): Promise<{socket: WebSocket; answer: any}>;
}

async function pageCode(): Promise<PageCode> {
  const [, code = ''] = /```js\n([^]*?)```/.exec(PAGE) ?? [];
  return (await import(`data:text/javascript,${encodeURIComponent(`${code}\nexport {joinRoom};`)}`)) as PageCode;
}

describe('the page on signalling', () => {
  it('has code with which a browser joins, and is heard', async () => {
    const server = await startServer();
    const {joinRoom: joinAsPage} = await pageCode();
    const keys = await generateKeys();
    const url = server.url.replace('http', 'ws');
    const {socket, answer} = await joinAsPage(url, keys, {room: 'room', profile: 'test'});
    onTestFinished(() => socket.close());
    expect(answer).toMatchObject({type: 'joined', room: 'room', peers: [], iceServers: []});
    const other = await joinRoom(joinByWebSocket, server);
    const arrived = next(other, 'message');
    socket.send(JSON.stringify({type: 'offer', room: 'room', to: other.self, sdp: 'v=0\r\n'}));
    expect(await arrived).toEqual({from: answer.self, message: {type: 'offer', sdp: 'v=0\r\n'}});
    await expect(joinAsPage(url, keys, {room: 'room', profile: 'other'})).rejects.toThrow(/SIGNAL_TOKEN/);
  });

  it('lists every refusal and every reason for closing', () => {
    const sources = ['errors.ts'].map((file) => readFileSync(join(ROOT, 'src/lib/signal', file), 'utf8')).join('');
    const refusals = new Set(sources.match(/(?<=^ {2})SIGNAL_[A-Z_]+(?=: \{)/gm));
    expect(refusals.size).toBeGreaterThan(10);
    for (const code of [...refusals, 'SIGNAL_INVALID']) expect(PAGE).toContain(`\`${code}\``);
    for (const {code} of Object.values(CLOSE))
      if (code !== CLOSE.refused.code) expect(PAGE).toMatch(new RegExp(`\\| [\\d, ]*${code}`));
  });
});
