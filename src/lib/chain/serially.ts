const tails = new Map<string, Promise<unknown>>();

/** Does `work` once all earlier work of the same name has ended. */
export async function serially<T>(name: string, work: () => Promise<T>): Promise<T> {
  const before = tails.get(name) ?? Promise.resolve();
  const run = before.then(work, work);
  tails.set(name, run);
  try {
    return await run;
  } finally {
    if (tails.get(name) === run) tails.delete(name);
  }
}
