import type {Offer} from '../market/bid-book.ts';
import {AttemptFailure} from './attempt.ts';
import type {Outcome, Piece} from './attempt.ts';

/** One provider at work on the question. */
export interface Runner {
  offer: Offer;
  pieces: AsyncGenerator<Piece, Outcome>;
  /** Has it cancelled; its generator then ends once the provider has signed for what it made. */
  cancel: () => void;
}

interface Begun {
  runner: Runner;
  shown: Piece[];
  outcome: Outcome | undefined;
}

/**
 * The answer of the runner that is first: with its first token, or, when `whole`, with all of it and a valid receipt.
 * The others are cancelled; `settling` is given what they still have to do.
 */
export async function* firstAnswer(
  runners: readonly Runner[],
  whole: boolean,
  settling: (rest: Promise<unknown>) => void,
): AsyncGenerator<{piece: Piece; offer: Offer}, Outcome> {
  const beginnings = runners.map((runner) => (whole ? finish(runner) : begin(runner)));
  let winner: Begun | undefined;
  try {
    winner = await Promise.any(beginnings).catch((error: unknown) => {
      throw tellingFailure(error);
    });
    const {runner, shown, outcome} = winner;
    for (const other of runners) if (other !== runner) other.cancel();
    for (const piece of shown) yield {piece, offer: runner.offer};
    if (outcome !== undefined) return outcome;
    for (;;) {
      const next = await runner.pieces.next();
      if (next.done === true) return next.value;
      yield {piece: next.value, offer: runner.offer};
    }
  } finally {
    for (const runner of runners) runner.cancel();
    await leave(winner?.runner);
    settling(
      Promise.allSettled(
        beginnings.map(async (beginning) => {
          const {runner} = await beginning;
          if (runner !== winner?.runner) await leave(runner);
        }),
      ),
    );
  }
}

async function leave(runner: Runner | undefined): Promise<void> {
  await runner?.pieces.return(undefined as never).catch(() => undefined);
}

async function begin(runner: Runner): Promise<Begun> {
  const next = await runner.pieces.next();
  return next.done === true
    ? {runner, shown: [], outcome: next.value}
    : {runner, shown: [next.value], outcome: undefined};
}

/** What it keeps is bounded by the length of the answer that was asked for. */
async function finish(runner: Runner): Promise<Begun> {
  const shown: Piece[] = [];
  for (;;) {
    const next = await runner.pieces.next();
    if (next.done === true) return {runner, shown, outcome: next.value};
    shown.push(next.value);
  }
}

/** Of several failures the one that says most: who refused would have answered another time. */
function tellingFailure(error: unknown): unknown {
  if (!(error instanceof AggregateError)) return error;
  const errors: unknown[] = error.errors;
  return errors.find((one) => !(one instanceof AttemptFailure) || one.what !== 'refused') ?? errors[0];
}
