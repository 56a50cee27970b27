import {createSocket, type Socket} from 'node:dgram';
import {once} from 'node:events';
import {connect, isIPv6} from 'node:net';

import {WireError} from './bytes.ts';
import type {DnsServer} from './server.ts';

/** An AXFR of 16 MiB is a zone of some 200,000 records. */
const MAX_BYTES = 16 * 1024 * 1024;
/** How long each try over UDP waits for its answer; a lost datagram is normal. */
const UDP_WAITS_MS = [800, 1_600];

/**
 * Sends a message over TCP and gives the answers one by one (RFC 1035 section 4.2.2), until the caller has enough.
 * Throws what the socket throws, and a WireError when the server ends or sends too much.
 */
export async function* exchange(server: DnsServer, message: Buffer, signal: AbortSignal): AsyncGenerator<Buffer> {
  const socket = connect({...server, signal});
  try {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    socket.write(Buffer.concat([length, message]));
    let held = Buffer.alloc(0);
    let total = 0;
    for await (const bytes of socket as AsyncIterable<Buffer>) {
      total += bytes.length;
      if (total > MAX_BYTES) throw new WireError('the server sends too much');
      held = Buffer.concat([held, bytes]);
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const end = 2 + held.readUInt16BE(0);
        yield held.subarray(2, end);
        held = held.subarray(end);
      }
    }
    throw new WireError('the server closed the connection');
  } finally {
    socket.destroy();
  }
}

/**
 * Sends a message over UDP, again when no answer comes; undefined when none came at all. `isAnswer` tells the answer
 * from what others send. Rejects with the system's error, e.g. ECONNREFUSED, and with the signal's reason.
 */
export async function exchangeDatagram(
  {host, port}: DnsServer,
  message: Buffer,
  signal: AbortSignal,
  isAnswer: (bytes: Buffer) => boolean,
): Promise<Buffer | undefined> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  // What comes while nobody waits is of no interest.
  socket.on('error', () => {});
  try {
    socket.connect(port, host);
    await once(socket, 'connect', {signal});
    for (const waitMs of UDP_WAITS_MS) {
      socket.send(message);
      const answer = await answerWithin(socket, waitMs, signal, isAnswer);
      if (answer !== undefined) return answer;
    }
    return undefined;
  } finally {
    socket.close();
  }
}

async function answerWithin(
  socket: Socket,
  waitMs: number,
  signal: AbortSignal,
  isAnswer: (bytes: Buffer) => boolean,
): Promise<Buffer | undefined> {
  const late = AbortSignal.timeout(waitMs);
  const until = AbortSignal.any([signal, late]);
  try {
    for (;;) {
      const [bytes] = (await once(socket, 'message', {signal: until})) as [Buffer];
      if (isAnswer(bytes)) return bytes;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted) return undefined;
    throw error;
  }
}
