/** Allocations on a server under test, and the load that goes through them in a closed loop or at a given pace. */
import {
  type Address,
  ATTRIBUTE,
  bareAllocate,
  challengeOf,
  channelData,
  type Login,
  message,
  METHOD,
  type Reply,
  readReply,
  readXorAddress,
  sendIndication,
  signed,
  xorAddress,
} from './client.ts';
import {BATCH, type Sender, type Socket, type Wire} from './wire.ts';

const FIRST_CHANNEL = 0x4000;

/** One client with an allocation, a permission and a channel to one peer. */
export interface Pair {
  client: Socket;
  peer: Socket;
  relayed: Address;
  channel: number;
}

/** Datagrams of one kind from one socket, counted where they come out. */
export interface Lane {
  sender: Sender;
  /** Where they come out, and how long they are there. */
  out: Socket;
  length: number;
}

export interface Load {
  /** Datagrams under way per lane. */
  window: number;
  /** So many are sent by one call, once that many have come out. */
  burst: number;
  forMs: number;
}

export interface Carried {
  packets: number;
  /** Those that came out with a wrong length. */
  wrong: number;
  seconds: number;
}

const expect = (reply: Reply | undefined, what: string): Reply => {
  if (reply?.success !== true) throw new Error(`${what} refused with ${reply?.code}`);
  return reply;
};

export function allocate(wire: Wire, server: Address, login: Login, clientIp: string, peerIp: string, i: number): Pair {
  const client = wire.socket(clientIp);
  const peer = wire.socket(peerIp);
  const ask = (request: Buffer): Reply | undefined => readReply(wire.ask(client.fd, server, request));
  const challenge = challengeOf(ask(bareAllocate())!);
  const transport = [ATTRIBUTE.requestedTransport, Buffer.from([17, 0, 0, 0])] as const;
  const allocated = expect(ask(signed(METHOD.allocate, [transport], login, challenge)), 'Allocate');
  const at = allocated.attribute(ATTRIBUTE.xorRelayed);
  if (at === undefined) throw new Error('no relayed address in the answer');
  const channel = FIRST_CHANNEL + i;
  const number = Buffer.alloc(4);
  number.writeUInt16BE(channel);
  const to = [ATTRIBUTE.xorPeer, xorAddress(peer.address)] as const;
  expect(ask(signed(METHOD.permission, [to], login, challenge)), 'CreatePermission');
  const bound = ask(signed(METHOD.channel, [[ATTRIBUTE.channelNumber, number], to], login, challenge));
  expect(bound, 'ChannelBind');
  return {client, peer, relayed: readXorAddress(at), channel};
}

export const payload = (bytes: number): Buffer => Buffer.alloc(bytes, 'quiver ');

export function toClient(wire: Wire, {client, peer, relayed}: Pair, bytes: number, segmented = false): Lane {
  return {sender: wire.sender(peer.fd, relayed, payload(bytes), segmented), out: client, length: bytes + 4};
}

export function toPeer(wire: Wire, {client, peer, channel}: Pair, server: Address, bytes: number): Lane {
  return {sender: wire.sender(client.fd, server, channelData(channel, payload(bytes))), out: peer, length: bytes};
}

export function indication(wire: Wire, {client, peer}: Pair, server: Address, bytes: number): Lane {
  const packet = sendIndication(peer.address, payload(bytes));
  return {sender: wire.sender(client.fd, server, packet), out: peer, length: bytes};
}

/** A Binding request out and its answer back on the same socket; answers differ in length from server to server. */
export function binding(wire: Wire, {client}: Pair, server: Address): Lane {
  return {sender: wire.sender(client.fd, server, message(METHOD.binding, [])), out: client, length: 0};
}

/** Sends a datagram for each that comes out, and all anew when none has for a while (they were lost). */
export function closedLoop(wire: Wire, lanes: readonly Lane[], {window, burst, forMs}: Load): Carried {
  const credits = lanes.map(() => window);
  const carried = {packets: 0, wrong: 0};
  lanes.forEach(({out}, i) => wire.watch(out.fd, i));
  const began = performance.now();
  for (let now = began; now - began < forMs; now = performance.now()) {
    for (const [i, {sender}] of lanes.entries()) {
      while ((credits[i] ?? 0) >= burst) {
        const sent = sender.send(burst === 1 ? Math.min(credits[i] ?? 0, BATCH) : burst);
        credits[i] = (credits[i] ?? 0) - sent;
        if (sent === 0) break;
      }
    }
    const ready = wire.wait(50);
    if (ready.length === 0) credits.fill(window);
    for (const i of ready) credits[i] = Math.min(window, (credits[i] ?? 0) + take(wire, lanes[i], carried));
  }
  const seconds = (performance.now() - began) / 1_000;
  drain(wire, lanes, carried);
  return {...carried, seconds};
}

/** One datagram at a time, in turn over the lanes, at a steady rate. */
export function paced(wire: Wire, lanes: readonly Lane[], perSecond: number, forMs: number): Carried {
  const carried = {packets: 0, wrong: 0};
  const never = new Int32Array(new SharedArrayBuffer(4));
  lanes.forEach(({out}, i) => wire.watch(out.fd, i));
  const began = performance.now();
  const total = Math.round((perSecond * forMs) / 1_000);
  for (let sent = 0; sent < total;) {
    const due = Math.min(total, Math.floor(((performance.now() - began) * perSecond) / 1_000) + 1);
    if (sent < due) {
      lanes[sent % lanes.length]?.sender.send(1);
      sent += 1;
      continue;
    }
    for (const i of wire.wait(0)) take(wire, lanes[i], carried);
    const restUs = (began + (sent * 1_000) / perSecond - performance.now()) * 1_000;
    if (restUs > 20) Atomics.wait(never, 0, 0, (restUs - 15) / 1_000);
  }
  const seconds = (performance.now() - began) / 1_000;
  drain(wire, lanes, carried);
  return {...carried, seconds};
}

function take(wire: Wire, lane: Lane | undefined, carried: Omit<Carried, 'seconds'>): number {
  if (lane === undefined) return 0;
  const count = wire.receive(lane.out.fd);
  for (let i = 0; i < count; i += 1) {
    if (lane.length === 0 || wire.lengths[i] === lane.length) carried.packets += 1;
    else carried.wrong += 1;
  }
  return count;
}

function drain(wire: Wire, lanes: readonly Lane[], carried: Omit<Carried, 'seconds'>): void {
  for (let ready = wire.wait(20); ready.length > 0; ready = wire.wait(20)) {
    for (const i of ready) take(wire, lanes[i], carried);
  }
  for (const {out} of lanes) wire.unwatch(out.fd);
}
