import {once} from 'node:events';
import {connect} from 'node:net';
import type {Socket} from 'node:net';
import type {ConnectionOptions} from 'node:tls';
import {connect as connectTls} from 'node:tls';

import {bindingRequest, readBindingAnswer} from './binding-exchange.ts';
import type {Endpoint} from './endpoint.ts';
import {parseEndpoint} from './endpoint.ts';
import {FrameReader} from './frame-reader.ts';
import type {Answer} from './udp-client.ts';

/** RFC 7443: a server that speaks STUN and TURN, or for NAT discovery alone. */
const ALPN = ['stun.turn', 'stun.nat-discovery'];
/** Three IPv6 addresses, and room for attributes that nobody has thought of. */
const MAX_ANSWER_BYTES = 2048;

export interface StreamOptions {
  /** TLS with these; TCP without. */
  tls?: ConnectionOptions;
  until: AbortSignal;
}

/**
 * Asks once over a connection of its own, since a stream repeats what is lost (RFC 8489 section 6.2.2). Undefined when
 * the peer closes or says what isn't STUN; rejects with the system's or TLS's error, or the reason of `until`.
 */
export async function askOverStream(
  to: Endpoint,
  {tls, until}: StreamOptions,
): Promise<(Answer & {local: Endpoint}) | undefined> {
  const target = {host: to.address, port: to.port};
  const socket: Socket = tls === undefined ? connect(target) : connectTls({...target, ALPNProtocols: ALPN, ...tls});
  // An error after the answer, or after giving up, is nobody's.
  socket.on('error', () => {});
  try {
    socket.setNoDelay(true);
    await once(socket, tls === undefined ? 'connect' : 'secureConnect', {signal: until});
    const local = parseEndpoint(socket.localAddress ?? '', socket.localPort ?? 0);
    const answer = await exchange(socket, until);
    return answer && local && {...answer, local};
  } catch (error) {
    until.throwIfAborted();
    throw error;
  } finally {
    socket.destroy();
  }
}

async function exchange(socket: Socket, until: AbortSignal): Promise<Answer | undefined> {
  const {id, bytes} = bindingRequest();
  const sentAt = performance.now();
  const reader = new FrameReader({maxFrameBytes: MAX_ANSWER_BYTES});
  const answered = Promise.withResolvers<Answer | undefined>();
  const giveUp = (): void => answered.reject(until.reason);
  socket.on('data', (chunk: Buffer) => {
    const going = reader.push(chunk, (frame) => {
      const answer = readBindingAnswer(frame);
      if (answer?.id === id) answered.resolve({result: answer.result, rttMs: performance.now() - sentAt});
    });
    if (!going) answered.resolve(undefined);
  });
  socket.once('error', answered.reject);
  socket.once('close', () => answered.resolve(undefined));
  until.addEventListener('abort', giveUp, {once: true});
  try {
    socket.write(bytes);
    return await answered.promise;
  } finally {
    until.removeEventListener('abort', giveUp);
  }
}
