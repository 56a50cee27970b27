/** Allocations one after another and a flood without credentials, each on a server started for it. */
import {type Address, ATTRIBUTE, bareAllocate, challengeOf, METHOD, readReply, signed} from './client.ts';
import type {Place} from './place.ts';
import {type Kind, LOGIN, type Running, start} from './servers.ts';
import {BATCH, type Wire} from './wire.ts';

export interface MemoryLine {
  name: string;
  server: string;
  value: number;
  unit: string;
  goal?: number;
}

const ALLOCATIONS = 2_000;
const UNAUTHENTICATED = 200_000;
const TRANSPORT = [ATTRIBUTE.requestedTransport, Buffer.from([17, 0, 0, 0])] as const;
/** So many of each before anything is counted: compilers and heaps of JavaScript servers reach their size. */
const WARM_ALLOCATIONS = 1_000;
const WARM_UNAUTHENTICATED = 20_000;
/** A heap is collected and sockets are closed a moment later. */
const SETTLE_MS = 500;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function memory(
  wire: Wire,
  place: Place,
  chosen: readonly Kind[],
  note: (text: string) => void,
): Promise<MemoryLine[]> {
  const lines: MemoryLine[] = [];
  for (const [i, kind] of chosen.entries()) {
    note(`allocations and memory of ${kind.name}`);
    const goals = kind.name === 'dgram' || kind.name.startsWith('batch');
    const line = (name: string, value: number, unit: string, goal: number): void => {
      lines.push({name, server: kind.name, value, unit, ...(goals ? {goal} : {})});
    };
    const flooded = await start(kind, i, place, wire);
    try {
      line('401 size / request', challengeSize(wire, place, flooded.address), '×', 2.3);
      // coturn 4.6.1 keeps 19 KiB for each: a tenth of them shows it.
      const share = kind.name.startsWith('coturn') ? 10 : 1;
      flood(wire, place, flooded.address, 0, WARM_UNAUTHENTICATED / share);
      await sleep(SETTLE_MS);
      const before = flooded.residentKiB();
      flood(wire, place, flooded.address, WARM_UNAUTHENTICATED, UNAUTHENTICATED / share);
      await sleep(SETTLE_MS);
      const grown = Math.max(0, flooded.residentKiB() - before) / 1_024;
      line(`${200 / share}k unauthenticated Allocates`, grown, 'MiB more', 1);
    } finally {
      await flooded.stop();
    }
    const server = await start(kind, i, place, wire);
    try {
      allocations(wire, place, server, 0, WARM_ALLOCATIONS);
      await sleep(SETTLE_MS);
      const before = {cpuUs: server.cpuUs(), residentKiB: server.residentKiB()};
      allocations(wire, place, server, WARM_ALLOCATIONS, ALLOCATIONS);
      line('allocation, CPU', (server.cpuUs() - before.cpuUs) / ALLOCATIONS, 'µs', 200);
      await sleep(SETTLE_MS);
      line('allocation, memory', (server.residentKiB() - before.residentKiB) / ALLOCATIONS, 'KiB', 22);
    } finally {
      await server.stop();
    }
  }
  return lines;
}

function challengeSize(wire: Wire, place: Place, server: Address): number {
  const {fd} = wire.socket(place.client);
  const request = bareAllocate();
  const answer = wire.ask(fd, server, request);
  wire.close(fd);
  return answer.length / request.length;
}

/** Each from an address of its own, so that no limit for one source hides what a server keeps. */
function flood(wire: Wire, place: Place, server: Address, first: number, count: number): void {
  const {fd} = wire.socket('0.0.0.0');
  wire.watch(fd, 0);
  const send = wire.sourced(fd, server, Array.from({length: BATCH}, bareAllocate));
  let lost = 0;
  for (let sent = 0; sent < count;) {
    const sources = Array.from({length: Math.min(BATCH, count - sent)}, (_, i) => source(place, first + sent + i));
    sent += send(sources);
    let due = sources.length;
    while (due > 0 && wire.wait(100).length > 0) due -= wire.receive(fd);
    lost += due;
  }
  wire.unwatch(fd);
  wire.close(fd);
  if (lost > count / 100) throw new Error(`${lost} of ${count} Allocates were not answered`);
}

/** Allocate, 401, Allocate, one client after another. */
function allocations(wire: Wire, place: Place, server: Running, first: number, count: number): void {
  for (let i = first; i < first + count; i += 1) {
    const {fd} = wire.socket(dotted(source(place, i)));
    const challenge = challengeOf(readReply(wire.ask(fd, server.address, bareAllocate()))!);
    const reply = readReply(wire.ask(fd, server.address, signed(METHOD.allocate, [TRANSPORT], LOGIN, challenge)));
    wire.close(fd);
    if (reply?.success !== true) throw new Error(`Allocate ${i} refused with ${reply?.code}`);
  }
}

const source = ({octet}: Place, i: number): number => (octet * 2 ** 24 + 2 ** 20 + i) >>> 0;
const dotted = (ip: number): string => [ip >>> 24, (ip >>> 16) & 255, (ip >>> 8) & 255, ip & 255].join('.');
