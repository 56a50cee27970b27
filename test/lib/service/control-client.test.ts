import {createServer, type Server, type Socket} from 'node:net';
import {join} from 'node:path';

import {afterEach, describe, expect, it} from 'vitest';

import {controlClient} from '../../../src/lib/service/control-client.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n';
let server: Server | undefined;

afterEach(() => void server?.close());

/** A process that answers whatever comes with these bytes; `after` decides how the connection goes on. */
async function answering(bytes: string, after: (socket: Socket) => void = () => undefined): Promise<string> {
  const path = join(temporaryFolder(), 's');
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.write(bytes, () => after(socket)));
  });
  await new Promise<void>((resolve) => server?.listen(path, resolve));
  return path;
}

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

async function drain(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const items: unknown[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

describe('controlClient', () => {
  it('says what to do when nothing runs', async () => {
    const client = controlClient(join(temporaryFolder(), 'none'));
    await expect(client.get('/info')).rejects.toMatchObject({code: 'NOT_RUNNING', fix: 'quiver up'});
    await expect(drain(client.stream('/x', {}))).rejects.toMatchObject({code: 'NOT_RUNNING'});
    for (const path of ['/etc/passwd/x.sock', join(temporaryFolder(), 'x'.repeat(150))]) {
      await expect(controlClient(path).get('/info')).rejects.toMatchObject({code: 'NOT_RUNNING'});
    }
  });

  it('does not wait for a process that does not answer', async () => {
    const path = await answering('');
    const client = controlClient(path, {answerDeadlineMs: 50, silenceDeadlineMs: 50});
    await expect(client.get('/info')).rejects.toMatchObject({code: 'CONTROL_SILENT'});
    await expect(drain(client.stream('/x', {}))).rejects.toMatchObject({code: 'CONTROL_SILENT'});
  });

  it('does not wait for a stream that falls silent', async () => {
    const path = await answering(HEAD + chunk('{"n":1}\n'));
    const seen: unknown[] = [];
    const read = async () => {
      for await (const item of controlClient(path, {silenceDeadlineMs: 50}).stream('/x', {})) seen.push(item);
    };
    await expect(read()).rejects.toMatchObject({code: 'CONTROL_SILENT'});
    expect(seen).toEqual([{n: 1}]);
  });

  it('does not take its own slowness for silence', async () => {
    const path = await answering(HEAD + chunk('{"n":1}\n') + chunk('{"n":2}\n') + chunk(''));
    const seen: unknown[] = [];
    for await (const item of controlClient(path, {silenceDeadlineMs: 50}).stream('/x', {})) {
      seen.push(item);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(seen).toEqual([{n: 1}, {n: 2}]);
  });

  it('notices when the process dies in the middle', async () => {
    const path = await answering(HEAD + chunk('{"n":1}\n'), (socket) => socket.destroy());
    await expect(drain(controlClient(path).stream('/x', {}))).rejects.toMatchObject({code: 'CONTROL_LOST'});
  });

  it('joins lines that arrive in pieces, and characters too', async () => {
    const bytes = Buffer.from('{"text":"héllo"}\n{"n":2}\n');
    const path = await answering(HEAD);
    server?.on('connection', (socket) =>
      socket.once('data', () => {
        for (const byte of bytes) {
          socket.write('1\r\n');
          socket.write(Buffer.from([byte]));
          socket.write('\r\n');
        }
        socket.end(chunk(''));
      }),
    );
    expect(await drain(controlClient(path).stream('/x', {}))).toEqual([{text: 'héllo'}, {n: 2}]);
  });

  it.each([
    ['a line without end', 'x'.repeat(3 * 1024 * 1024)],
    ['a line that is not JSON', 'hello\n'],
  ])('refuses %s', async (_name, text) => {
    const path = await answering(HEAD + chunk(text) + chunk(''));
    await expect(drain(controlClient(path).stream('/x', {}))).rejects.toMatchObject({code: 'CONTROL_PROTOCOL'});
  });

  it('keeps an abort what it is', async () => {
    const path = await answering('');
    await expect(controlClient(path).get('/x', AbortSignal.abort(new Error('mine')))).rejects.toThrow('mine');
  });

  it('survives an answer that is no error of ours', async () => {
    const path = await answering('HTTP/1.1 502 Bad Gateway\r\ncontent-length: 5\r\n\r\nsorry');
    await expect(controlClient(path).get('/x')).rejects.toMatchObject({code: 'CONTROL_PROTOCOL'});
  });
});
