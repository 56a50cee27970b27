import {answerBinding} from '../../stun/binding-server.ts';
import type {StunMessage} from '../../stun/message.ts';
import {SourceLimiter} from '../../stun/source-limiter.ts';
import type {SourceLimiterOptions} from '../../stun/source-limiter.ts';
import type {TurnCounters} from './counters.ts';
import type {ClientPath} from './io.ts';

/** STUN Binding requests (RFC 8489, RFC 5780), which anybody may make, but only so many a second. */
export class Bindings {
  readonly #limiter: SourceLimiter;
  readonly #counters: TurnCounters;

  constructor(limits: SourceLimiterOptions, counters: TurnCounters) {
    this.#limiter = new SourceLimiter(limits);
    this.#counters = counters;
  }

  answer(path: ClientPath, request: StunMessage, nowMs: number): void {
    this.#counters.bindingRequests += 1;
    if (!this.#limiter.allow(path.remote, nowMs)) {
      this.#counters.bindingLimited += 1;
      return;
    }
    const {alternates} = path;
    const answer = answerBinding(request, path.remote, alternates?.origins);
    if (answer === undefined) return;
    (alternates === undefined ? path : alternates.path(answer.from, answer.to)).send(answer.bytes);
  }
}
