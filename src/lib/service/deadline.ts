/**
 * Waits for `work`, at most `deadlineMs`; then, or when `signal` aborts, the signal that work was given aborts and the
 * wait ends with an error, whether or not work heeds it. Work that was given up may still settle later, unheard.
 */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<T> | T,
  deadlineMs: number,
  late: () => Error,
  signal?: AbortSignal,
): Promise<T> {
  signal?.throwIfAborted();
  const own = new AbortController();
  const given = Promise.withResolvers<never>();
  const giveUp = (error: unknown): void => {
    own.abort(error);
    given.reject(error);
  };
  const onAbort = (): void => giveUp(signal?.reason);
  signal?.addEventListener('abort', onAbort, {once: true});
  const timer = setTimeout(() => giveUp(late()), deadlineMs);
  try {
    return await Promise.race([work(own.signal), given.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
