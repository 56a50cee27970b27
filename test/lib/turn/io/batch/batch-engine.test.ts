import {once} from 'node:events';
import {createSocket} from 'node:dgram';
import {execFile} from 'node:child_process';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {threadCpuUsage} from 'node:process';

import koffi, {type TypeObject} from 'koffi';
import {afterEach, describe, expect, it, vi} from 'vitest';

import {BatchEngine, createBatchEngine} from '../../../../../src/lib/turn/io/batch/engine.ts';
import {
  CMSG_U16,
  EPOLL_EVENT,
  IOVEC,
  MMSGHDR,
  SOCKADDR_IN,
  SOCKADDR_IN6,
} from '../../../../../src/lib/turn/io/batch/layout.ts';
import {type Libc, openLibc} from '../../../../../src/lib/turn/io/batch/libc.ts';
import {createEngine} from '../../../../../src/lib/turn/io/create-engine.ts';
import {EndpointCache} from '../../../../../src/lib/turn/io/endpoint-cache.ts';
import type {EngineOptions} from '../../../../../src/lib/turn/io/engine.ts';

const options = (log: EngineOptions['log'] = () => {}): EngineOptions => ({
  events: {fromClient: (path, bytes) => path.send(bytes), fromPeer: () => {}, heldChanged: () => {}},
  endpoints: new EndpointCache(),
  now: () => performance.now(),
  buffers: {listenerBytes: 1_048_576, relayBytes: 262_144},
  log,
});

describe('structures in memory', () => {
  // koffi lays a structure out by the rules of the platform, from the declaration in the man page.
  const offsets = (type: TypeObject, names: Record<string, string>): Record<string, number> =>
    Object.fromEntries([
      ['size', koffi.sizeof(type)],
      ...Object.entries(names).map(([ours, theirs]) => [ours, koffi.offsetof(type, theirs)]),
    ]);
  const msghdr = koffi.struct({
    name: 'void *',
    namelen: 'uint32_t',
    iov: 'void *',
    iovlen: 'size_t',
    control: 'void *',
    controllen: 'size_t',
    flags: 'int',
  });

  it('are where the kernel looks for them', () => {
    const message = offsets(msghdr, {
      name: 'name',
      nameLength: 'namelen',
      iov: 'iov',
      iovLength: 'iovlen',
      control: 'control',
      controlLength: 'controllen',
      flags: 'flags',
    });
    const many = koffi.struct({header: msghdr, length: 'unsigned int'});
    expect(MMSGHDR).toEqual({...message, ...offsets(many, {length: 'length'})});
    expect(IOVEC).toEqual(offsets(koffi.struct({base: 'void *', length: 'size_t'}), {base: 'base', length: 'length'}));
    const address = {family: 'uint16_t', port: 'uint16_t'};
    const four = koffi.struct({...address, address: koffi.array('uint8_t', 4), zero: koffi.array('uint8_t', 8)});
    const named = {family: 'family', port: 'port', address: 'address'};
    expect(SOCKADDR_IN).toEqual(offsets(four, named));
    const six = koffi.struct({...address, flow: 'uint32_t', address: koffi.array('uint8_t', 16), scope: 'uint32_t'});
    expect(SOCKADDR_IN6).toEqual(offsets(six, {...named, scope: 'scope'}));
    const event = {events: 'uint32_t', data: 'uint64_t'};
    const packed = process.arch === 'x64' ? koffi.pack(event) : koffi.struct(event);
    expect(EPOLL_EVENT).toEqual(offsets(packed, {events: 'events', data: 'data'}));
    const control = koffi.struct({length: 'size_t', level: 'int', type: 'int', data: 'uint16_t'});
    const {size, ...fields} = offsets(control, {level: 'level', type: 'type', data: 'data'});
    expect(CMSG_U16).toEqual({...fields, length: fields['data']! + 2, space: size});
  });
});

describe('the batch engine', () => {
  afterEach(() => void vi.unstubAllGlobals());

  it('leaves the place to dgram where it cannot run, and says why in one line', async () => {
    vi.stubGlobal('process', Object.create(process, {platform: {value: 'freebsd'}}));
    await expect(createBatchEngine(options())).rejects.toThrow('this is freebsd on');
    const lines: string[] = [];
    const engine = await createEngine(
      'batch',
      options((_level, line) => lines.push(line)),
    );
    expect(engine.name).toBe('dgram');
    expect(lines).toEqual([expect.stringMatching(/batch.*dgram.*Linux on x64 or arm64, this is freebsd/)]);
    await engine.close();
  });

  it('takes and sends many datagrams by one call', async () => {
    const libc = await openLibc();
    const calls = {receive: 0, send: 0};
    const counted: Libc = {
      ...libc,
      recvmmsg: (...args) => ((calls.receive += 1), libc.recvmmsg(...args)),
      sendmmsg: (...args) => ((calls.send += 1), libc.sendmmsg(...args)),
    };
    const engine = new BatchEngine(counted, options(), true);
    const {local} = await engine.listen({family: 4, address: '127.0.0.1', port: 0, reusePort: false});
    const client = createSocket('udp4');
    const got: string[] = [];
    client.on('message', (bytes) => got.push(bytes.toString()));
    client.connect(local.port, '127.0.0.1');
    await once(client, 'connect');
    // All are there before the event loop looks for the first.
    const said = Array.from({length: 150}, (_, i) => String(1_000 + i));
    for (const one of said) client.send(one);
    await expect.poll(() => got.length).toBe(said.length);
    expect(got).toEqual(said);
    expect(calls.receive).toBeLessThan(10);
    expect(calls.send).toBeLessThan(10);
    client.close();
    await engine.close();
  });

  it('uses no CPU while nothing comes', async () => {
    const engine = await createBatchEngine(options());
    await engine.listen({family: 4, address: '127.0.0.1', port: 0, reusePort: false});
    for (let i = 0; i < 100; i += 1) await engine.bindRelay({family: 4, address: '127.0.0.1', port: 0});
    const before = threadCpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const {user, system} = threadCpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(25); // ms; a thread that polls would use 500
    await engine.close();
  });

  it('leaves neither descriptors nor a broken process behind, however its worker ends', async () => {
    const script = join(import.meta.dirname, 'worker-ends-process.ts');
    const {stdout} = await promisify(execFile)(process.execPath, [script]);
    const ends = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const fine = {answer: 'echo', opened: true, left: 0, error: ''};
    expect(ends).toEqual([
      {...fine, how: 'terminate', code: 1},
      {...fine, how: 'close', code: 0},
      {...fine, how: 'exit', code: 3},
      {...fine, how: 'throw', code: 1, error: 'a bug that nobody caught'},
      {...fine, how: 'terminate', code: 1},
    ]);
  });
});
