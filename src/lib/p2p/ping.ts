import {randomBytes} from 'node:crypto';

import type {Connection} from '@libp2p/interface';
import {PING_PROTOCOL} from '@libp2p/ping';
import {byteStream} from '@libp2p/utils';

/** Fixed by the protocol (libp2p/specs ping/ping.md). */
const PING_BYTES = 32;

/**
 * Round trip over an open connection in ms, to a hundredth. Unlike the ping service of libp2p it measures finer than a
 * millisecond, and a relayed connection too, for which that service dials anew.
 */
export async function pingConnection(connection: Connection, signal: AbortSignal): Promise<number> {
  const stream = await connection.newStream(PING_PROTOCOL, {signal, runOnLimitedConnection: true});
  try {
    const bytes = byteStream(stream);
    const sent = randomBytes(PING_BYTES);
    const start = performance.now();
    await bytes.write(sent, {signal});
    const back = await bytes.read({bytes: PING_BYTES, signal});
    const roundTripMs = Math.round((performance.now() - start) * 100) / 100;
    if (!sent.equals(back.subarray())) throw new Error('the peer answered with something else');
    await stream.close({signal});
    return roundTripMs;
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}
