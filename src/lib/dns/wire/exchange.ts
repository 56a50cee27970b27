import {connect} from 'node:net';

import {WireError} from './bytes.ts';

/** An AXFR of 16 MiB is a zone of some 200,000 records. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Where a DNS server listens. */
export interface DnsServer {
  host: string;
  port: number;
}

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
