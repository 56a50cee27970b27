import {describe, expect, it} from 'vitest';

import {Arena} from '../../../../../src/lib/turn/io/batch/arena.ts';
import {CMSG_U16, IOVEC, MMSGHDR, socketAddress} from '../../../../../src/lib/turn/io/batch/layout.ts';
import {EAGAIN, EINVAL, EIO, type Libc} from '../../../../../src/lib/turn/io/batch/libc.ts';
import {Outbox} from '../../../../../src/lib/turn/io/batch/outbox.ts';

const EPERM = 1;
const [HERE, THERE] = [1, 2].map((last) => socketAddress(Uint8Array.of(203, 0, 113, last), 5_000)) as [
  Uint8Array,
  Uint8Array,
];

interface Message {
  to: number;
  datagrams: string[];
}

/** Reads what sendmmsg is given as the kernel would, and refuses what a test wants refused: that a real one won't. */
class Kernel {
  readonly calls: {fd: number; messages: number}[] = [];
  readonly sent: Message[] = [];
  /** An errno, or 0 to take it. */
  verdict: (message: Message) => number = () => 0;
  #memory: {at: number; bytes: Uint8Array}[] = [];
  #end = 0x7f00_0000_0000;
  #errno = 0;

  readonly libc = {
    addressOf: (bytes: Uint8Array) => {
      const at = this.#end;
      this.#memory.push({at, bytes});
      this.#end += bytes.length + 4_096;
      return at;
    },
    errno: () => this.#errno,
    sendmmsg: (fd: number, at: number, count: number) => {
      this.calls.push({fd, messages: count});
      for (let i = 0; i < count; i += 1) {
        const message = this.#message(at + i * MMSGHDR.size);
        this.#errno = this.verdict(message);
        if (this.#errno !== 0) return i === 0 ? -1 : i;
        this.sent.push(message);
      }
      return count;
    },
  } as unknown as Libc;

  #read(at: number, length: number): Buffer {
    const found = this.#memory.find((each) => at >= each.at && at + length <= each.at + each.bytes.length);
    if (found === undefined) throw new Error(`${length} bytes at ${at} are nobody's`);
    return Buffer.from(found.bytes.buffer, at - found.at, length);
  }

  #message(at: number): Message {
    const header = this.#read(at, MMSGHDR.size);
    const u64 = (offset: number): number => Number(header.readBigUInt64LE(offset));
    const name = this.#read(u64(MMSGHDR.name), header.readUInt32LE(MMSGHDR.nameLength));
    const parts = Array.from({length: u64(MMSGHDR.iovLength)}, (_, i) => {
      const iov = this.#read(u64(MMSGHDR.iov) + i * IOVEC.size, IOVEC.size);
      return this.#read(Number(iov.readBigUInt64LE(IOVEC.base)), Number(iov.readBigUInt64LE(IOVEC.length)));
    });
    const whole = Buffer.concat(parts).toString();
    const to = name[7] ?? 0;
    if (u64(MMSGHDR.controlLength) === 0) return {to, datagrams: [whole]};
    const size = this.#read(u64(MMSGHDR.control), CMSG_U16.space).readUInt16LE(CMSG_U16.data);
    return {to, datagrams: whole.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? []};
  }
}

function setUp(segment: boolean): {kernel: Kernel; arena: Arena; outbox: Outbox; counters: Record<string, number>} {
  const kernel = new Kernel();
  const arena = new Arena(kernel.libc);
  const counters = {sendErrors: 0, sendDropped: 0, receiveErrors: 0};
  return {kernel, arena, counters, outbox: new Outbox(kernel.libc, arena, counters, segment)};
}

const outlet = (fd: number): {fd: number; first: number; last: number} => ({fd, first: -1, last: -1});
const text = (content: string): Buffer => Buffer.from(content);
const all = ({sent}: Kernel): string[] => sent.flatMap(({datagrams}) => datagrams);

describe('Outbox', () => {
  it('makes one call for each socket, in order', () => {
    const {kernel, outbox} = setUp(false);
    const [one, two] = [outlet(7), outlet(8)];
    for (const i of [1, 2, 3]) {
      outbox.add(one, HERE, text(`a${i}`), undefined);
      outbox.add(two, THERE, text(`b${i}`), text('+'));
    }
    outbox.flush();
    outbox.flush();
    expect(kernel.calls).toEqual([
      {fd: 7, messages: 3},
      {fd: 8, messages: 3},
    ]);
    expect(all(kernel)).toEqual(['a1', 'a2', 'a3', 'b1+', 'b2+', 'b3+']);
    expect(kernel.sent.map(({to}) => to)).toEqual([1, 1, 1, 2, 2, 2]);
  });

  it('joins runs that may be joined, and nothing else', () => {
    const {kernel, outbox} = setUp(true);
    const socket = outlet(7);
    const add = (to: Uint8Array, ...contents: string[]): void => {
      for (const content of contents) outbox.add(socket, to, text(content), undefined);
    };
    add(HERE, '11', '22', '3', '44', '', '55');
    add(THERE, '66', '77');
    add(HERE, '88', 'x'.repeat(1_473), 'y'.repeat(1_473));
    outbox.flush();
    expect(kernel.sent.map(({datagrams}) => datagrams.map((one) => one.slice(0, 2)))).toEqual([
      ['11', '22', '3'],
      ['44'],
      [''],
      ['55'],
      ['66', '77'],
      ['88'],
      ['xx'],
      ['yy'],
    ]);
  });

  it('joins no more than the kernel takes as one', () => {
    const {kernel, outbox} = setUp(true);
    for (let i = 0; i < 130; i += 1) outbox.add(outlet(i < 65 ? 7 : 8), HERE, text('12'), undefined);
    const [small, large] = [outlet(7), outlet(8)];
    for (let i = 0; i < 65; i += 1) outbox.add(small, HERE, text('12'), undefined);
    for (let i = 0; i < 64; i += 1) outbox.add(large, HERE, Buffer.alloc(1_472, 65), undefined);
    outbox.flush();
    const sizes = kernel.sent.slice(130).map(({datagrams}) => datagrams.length);
    expect(sizes).toEqual([64, 1, 44, 20]);
  });

  it('drops and counts what the kernel has no room for, and leaves out what it refuses', () => {
    const {kernel, outbox, counters} = setUp(false);
    const socket = outlet(7);
    for (const content of ['a', 'no', 'b', 'c']) outbox.add(socket, HERE, text(content), undefined);
    kernel.verdict = ({datagrams}) => (datagrams[0] === 'no' ? EPERM : 0);
    outbox.flush();
    expect(all(kernel)).toEqual(['a', 'b', 'c']);
    expect(counters).toEqual({sendErrors: 1, sendDropped: 0, receiveErrors: 0});
    for (const content of ['d', 'full', 'e']) outbox.add(socket, HERE, text(content), undefined);
    kernel.verdict = ({datagrams}) => (datagrams[0] === 'full' ? EAGAIN : 0);
    outbox.flush();
    expect(all(kernel)).toEqual(['a', 'b', 'c', 'd']);
    expect(counters).toEqual({sendErrors: 1, sendDropped: 2, receiveErrors: 0});
  });

  it('sends one by one what the kernel refuses to cut, and stops joining where it never will', () => {
    const {kernel, outbox, counters} = setUp(true);
    const socket = outlet(7);
    const round = (): void => {
      kernel.sent.length = 0;
      for (const content of ['aa', 'bb', 'cc']) outbox.add(socket, HERE, text(content), undefined);
      outbox.add(socket, THERE, text('dd'), undefined);
      outbox.flush();
      expect(all(kernel)).toEqual(['aa', 'bb', 'cc', 'dd']);
    };
    const joined = ({datagrams}: Message): boolean => datagrams.length > 1;
    kernel.verdict = (message) => (joined(message) ? EINVAL : 0);
    round();
    kernel.verdict = () => 0;
    round();
    expect(kernel.sent).toHaveLength(2);
    kernel.verdict = (message) => (joined(message) ? EIO : 0);
    round();
    kernel.verdict = () => 0;
    round();
    expect(kernel.sent).toHaveLength(4);
    expect(counters).toEqual({sendErrors: 0, sendDropped: 0, receiveErrors: 0});
  });

  it('counts each of a run that is refused one by one', () => {
    const {kernel, outbox, counters} = setUp(true);
    const socket = outlet(7);
    for (const content of ['aa', 'bb', 'cc', 'dd']) outbox.add(socket, HERE, text(content), undefined);
    const verdicts = new Map([
      ['bb', EPERM],
      ['cc', EAGAIN],
    ]);
    kernel.verdict = ({datagrams}) => (datagrams.length > 1 ? EINVAL : (verdicts.get(datagrams[0]!) ?? 0));
    outbox.flush();
    expect(all(kernel)).toEqual(['aa', 'dd']);
    expect(counters).toEqual({sendErrors: 1, sendDropped: 1, receiveErrors: 0});
  });

  it('makes room by sending when more comes than it holds, and refuses what no datagram holds', () => {
    const {kernel, outbox, counters} = setUp(false);
    const socket = outlet(7);
    const contents = Array.from({length: 2_000}, (_, i) => String(i));
    for (const content of contents) outbox.add(socket, HERE, text(content), undefined);
    outbox.flush();
    expect(all(kernel)).toEqual(contents);
    kernel.sent.length = 0;
    for (let i = 0; i < 20; i += 1) outbox.add(socket, HERE, Buffer.alloc(60_000, 65 + i), undefined);
    outbox.flush();
    expect(
      all(kernel)
        .map((one) => one[0])
        .join(''),
    ).toBe('ABCDEFGHIJKLMNOPQRST');
    outbox.add(socket, HERE, Buffer.alloc(300_000), undefined);
    outbox.flush();
    expect(counters).toEqual({sendErrors: 1, sendDropped: 0, receiveErrors: 0});
  });

  it('never writes a header over a datagram that is still to be sent', () => {
    const {kernel, arena, outbox} = setUp(false);
    const socket = outlet(7);
    const packet = arena.datagram(3, 8);
    packet.set(text('headdata'));
    outbox.add(socket, HERE, packet, undefined);
    outbox.add(socket, HERE, text('HEAD'), packet.subarray(4)); // of the same datagram
    outbox.add(socket, HERE, text('one '), packet);
    outbox.add(socket, HERE, text('two '), packet); // a second header for the same
    outbox.add(socket, HERE, text('x'.repeat(100)), packet); // longer than the headroom
    outbox.flush();
    expect(all(kernel)).toEqual(['headdata', 'HEADdata', 'one headdata', 'two headdata', `${'x'.repeat(100)}headdata`]);
    const again = arena.datagram(3, 8); // received anew
    outbox.add(socket, HERE, text('new '), again);
    outbox.flush();
    expect(all(kernel).at(-1)).toBe('new headdata');
  });
});
