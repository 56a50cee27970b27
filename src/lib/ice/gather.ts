import {parseCandidate, type Candidate} from './candidate.ts';
import {IcePath} from './path.ts';
import type {PathOptions} from './path-types.ts';

/** Servers that pass answer within this; the others have been left out. */
const GATHER_DEADLINE_MS = 5_000;

/** The candidates that this host would tell a peer, each once, without telling anybody. */
export async function gatherCandidates(options: Omit<PathOptions, 'events'>): Promise<Candidate[]> {
  const found = new Map<string, Candidate>();
  const gathered = Promise.withResolvers<void>();
  const timer = setTimeout(gathered.resolve, GATHER_DEADLINE_MS);
  const ignore = (): void => {};
  const path = await IcePath.create({
    ...options,
    events: {
      description: ignore,
      candidate(line) {
        const candidate = parseCandidate(line);
        if (candidate !== undefined) found.set(`${candidate.type} ${candidate.address} ${candidate.port}`, candidate);
      },
      gathered: gathered.resolve,
      open: ignore,
      data: ignore,
      control: ignore,
      drain: ignore,
      lost: ignore,
    },
  });
  try {
    path.offer();
    await gathered.promise;
  } finally {
    clearTimeout(timer);
    await path.close();
  }
  return [...found.values()];
}
