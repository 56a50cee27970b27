import {randomUUID} from 'node:crypto';

import type {SignalChannel} from '../records/signal-message.ts';
import type {HealthCheck} from '../service/service.ts';

const OFFER = 'v=0\r\n';

/** Two peers of our own join a room as anybody would, and one makes the other an offer. */
export async function checkByTwoPeers(
  open: (room: string) => readonly Promise<SignalChannel>[],
  signal: AbortSignal,
): Promise<HealthCheck> {
  const name = 'two peers meet';
  const channels: SignalChannel[] = [];
  const startedAtMs = performance.now();
  try {
    const opened = await Promise.allSettled(open(`self-check-${randomUUID()}`));
    channels.push(...opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])));
    const [a, b] = channels;
    if (a === undefined || b === undefined) throw opened.find((one) => one.status === 'rejected')?.reason;
    const arrived = Promise.withResolvers<void>();
    arrived.promise.catch(() => undefined);
    b.on('message', ({from, message}) => {
      if (from === a.self && message.type === 'offer' && message.sdp === OFFER) arrived.resolve();
    });
    a.on('problem', ({error}) => arrived.reject(error));
    signal.addEventListener('abort', () => arrived.reject(new Error('the offer did not arrive in time')), {once: true});
    await a.send(b.self, {type: 'offer', sdp: OFFER});
    await arrived.promise;
    return {name, ok: true, detail: `${Math.round(performance.now() - startedAtMs)} ms`};
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return {name, ok: false, detail, fix: 'Look at the log; `/signal/rooms` on the admin address shows who is in.'};
  } finally {
    await Promise.all(channels.map((channel) => channel.close()));
  }
}
