import type {Stream} from '@libp2p/interface';

export interface CircuitOptions {
  /** Bytes that may pass in each direction. */
  maxBytes: bigint;
  maxDurationMs: number;
  /** Ends the circuit, e.g. when the relay stops. */
  signal: AbortSignal;
  onBytes: (count: number) => void;
}

/**
 * Joins two streams until both have ended, one fails or a limit is reached.
 * A side that reads slowly slows the other one down instead of filling the relay's memory.
 * Resolves with the reason; never rejects.
 */
export function joinStreams(a: Stream, b: Stream, options: CircuitOptions): Promise<'ended' | 'failed' | 'limit'> {
  return new Promise((resolve) => {
    let open = 2;
    const finish = (outcome: 'ended' | 'failed' | 'limit', error?: Error): void => {
      clearTimeout(timer);
      options.signal.removeEventListener('abort', onAbort);
      // First, since a stream that is aborted here reports that as a failure of its own.
      resolve(outcome);
      if (error === undefined) return;
      a.abort(error);
      b.abort(error);
    };
    const onAbort = (): void => finish('failed', new Error('the relay is stopping'));
    const timer = setTimeout(
      () => finish('limit', new Error(`a circuit lasts ${options.maxDurationMs / 1_000} s at most`)),
      options.maxDurationMs,
    );
    options.signal.addEventListener('abort', onAbort, {once: true});
    const events = {
      onBytes: options.onBytes,
      onLimit: () => finish('limit', new Error(`a circuit carries ${options.maxBytes} bytes each way at most`)),
      onFailed: (error: Error) => finish('failed', error),
      onEnded: () => {
        open -= 1;
        if (open === 0) finish('ended');
      },
    };
    pump(a, b, options.maxBytes, events);
    pump(b, a, options.maxBytes, events);
  });
}

interface PumpEvents {
  onBytes: (count: number) => void;
  onLimit: () => void;
  onFailed: (error: Error) => void;
  onEnded: () => void;
}

function pump(from: Stream, to: Stream, maxBytes: bigint, events: PumpEvents): void {
  let remaining = maxBytes;
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    to.close().then(events.onEnded, (error: unknown) => events.onFailed(asError(error)));
  };
  // Pausing, resuming or sending throws when the connection below has just gone, and what a listener throws would end
  // the process.
  const guarded = (act: () => void): void => {
    try {
      act();
    } catch (error) {
      events.onFailed(asError(error));
    }
  };
  let full = false;
  let resuming = false;
  const settle = (): void => {
    if (full && !resuming && from.readStatus === 'readable') from.pause();
  };
  // Only when everything has left: what gathered in a paused stream comes as one message, on top of what waits. Or when
  // nothing can leave any more: what is left then is read for its end alone.
  const resume = (): void => {
    if (from.readStatus !== 'paused' || (to.writeBufferLength > 0 && to.writeStatus !== 'closed')) return;
    [full, resuming] = [false, true];
    try {
      from.resume();
    } catch (error) {
      // The last piece of a connection that has gone comes before it is told that there will be no more.
      if (!ended) events.onFailed(asError(error));
    }
    resuming = false;
    // Not before: a stream that is paused while it resumes goes on asking for more.
    guarded(settle);
  };
  // Not at once: what is sent to a stream while it tells of `idle` stays in its buffer until something else is sent.
  const resumeSoon = (): void => queueMicrotask(resume);
  to.addEventListener('drain', resumeSoon);
  to.addEventListener('idle', resumeSoon);
  to.addEventListener('close', resumeSoon);
  // Not `remoteCloseWrite`, nor `close` without an error: a paused stream may have more to give after either.
  from.addEventListener('end', () => {
    // What is torn must not look complete; its `close` tells why.
    if (from.status !== 'aborted' && from.status !== 'reset') end();
  });
  from.addEventListener('close', ({error}) => {
    if (error !== undefined) events.onFailed(error);
  });
  from.addEventListener('message', ({data}) => {
    remaining -= BigInt(data.byteLength);
    if (remaining < 0n) {
      events.onLimit();
      return;
    }
    if (to.writeStatus !== 'writable') return;
    events.onBytes(data.byteLength);
    guarded(() => {
      full = !to.send(data);
      settle();
    });
  });
  // It may have ended between the handshake and now.
  if (from.readableEnded) end();
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
