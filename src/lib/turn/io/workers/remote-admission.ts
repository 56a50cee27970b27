import type {Admission, Lease, Refusal} from '../../core/io.ts';
import type {FromWorker, ToWorker} from './messages.ts';

/** Asks the control thread, which counts for all workers of a server. */
export class RemoteAdmission implements Admission {
  readonly #post: (message: FromWorker) => void;
  readonly #waiting = new Map<number, (answer: Lease | Refusal) => void>();
  #nextId = 0;

  constructor(post: (message: FromWorker) => void) {
    this.#post = post;
  }

  /** The core asks for as many at a time as it lets wait, so this needs no bound of its own. */
  admit(user: string): Promise<Lease | Refusal> {
    const id = this.#nextId;
    this.#nextId += 1;
    const {promise, resolve} = Promise.withResolvers<Lease | Refusal>();
    this.#waiting.set(id, resolve);
    this.#post({type: 'admit', id, user});
    return promise;
  }

  take(message: Extract<ToWorker, {type: 'admitted' | 'refused'}>): void {
    const resolve = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.type === 'refused') resolve?.(message.refusal);
    else resolve?.({release: () => this.#post({type: 'release', lease: message.lease})});
  }
}
