/**
 * Waits; ends early, without an error, when `signal` aborts. `ref: false`: the process may end meanwhile.
 */
export async function pause(ms: number, signal?: AbortSignal, {ref = true} = {}): Promise<void> {
  if (signal?.aborted === true) return;
  const {promise, resolve} = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  if (!ref) timer.unref();
  const onAbort = (): void => resolve();
  signal?.addEventListener('abort', onAbort, {once: true});
  await promise;
  clearTimeout(timer);
  // Most signals here live as long as a service, which waits again and again.
  signal?.removeEventListener('abort', onAbort);
}
