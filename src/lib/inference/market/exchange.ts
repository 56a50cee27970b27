import {peerIdFromString} from '@libp2p/peer-id';

import type {QuiverNode} from '../../p2p/node-options.ts';
import {MAX_MARKET_MESSAGE_BYTES} from '../limits.ts';
import {encodeFrame} from '../wire/framing.ts';
import {StreamLink} from '../wire/stream-link.ts';

/** A question and its reply are a few KiB; who only wants to hear of the market waits no longer. */
export const EXCHANGE_TIMEOUT_MS = 3_000;

/**
 * Opens a stream to a peer, sends one message and, when a reply is awaited, gives the one that comes back.
 * Rejects when the peer can't be reached, closes the stream without a reply, or when the signal, which must have a
 * deadline, aborts.
 */
export async function exchange(
  node: QuiverNode,
  protocol: string,
  peer: string,
  message: Uint8Array,
  signal: AbortSignal,
  reply: boolean,
): Promise<Uint8Array | undefined> {
  const stream = await node.dialProtocol(peerIdFromString(peer), protocol, {
    signal,
    runOnLimitedConnection: true,
  });
  const {promise, resolve, reject} = Promise.withResolvers<Uint8Array | undefined>();
  const outgoing = [encodeFrame(message)];
  const link = new StreamLink(stream, MAX_MARKET_MESSAGE_BYTES, {
    message: (bytes) => resolve(bytes),
    outgoing: () => outgoing.splice(0),
    closed: () => (reply ? reject(new Error('the peer closed the stream without a reply')) : resolve(undefined)),
  });
  const onAbort = (): void => {
    link.abort(new Error('the exchange was given up'));
    reject(new Error('the peer did not answer in time', {cause: signal.reason}));
  };
  signal.addEventListener('abort', onAbort, {once: true});
  if (signal.aborted) onAbort();
  link.schedule();
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
    void link.close();
  }
}
