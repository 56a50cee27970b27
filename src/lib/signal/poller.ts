import type {BacklogShare} from './backlog.ts';
import type {CloseReason} from './errors.ts';
import type {Intake} from './intake.ts';
import type {ServerMessage} from './protocol.ts';
import type {ClientConnection} from './session.ts';

/** Below the 30 s after which common proxies cut a silent request. */
const POLL_MS = 25_000;

interface Waiting {
  number: number;
  message: ServerMessage;
  bytes: number;
}

/** One client that posts and polls. Messages are numbered, and kept until a poll says that they have arrived. */
export class Poller implements ClientConnection {
  readonly #share: BacklogShare;
  readonly #limit: number;
  readonly #onClose: (poller: Poller) => void;
  #waiting: Waiting[] = [];
  #last = 0;
  #wake: (() => void) | undefined;
  closed: CloseReason | undefined;
  intake: Intake | undefined;
  seenAtMs: number;

  /** @param onClose not at once, but before anything else happens */
  constructor(share: BacklogShare, limit: number, nowMs: number, onClose: (poller: Poller) => void) {
    this.#share = share;
    this.#limit = limit;
    this.#onClose = onClose;
    this.seenAtMs = nowMs;
  }

  get polling(): boolean {
    return this.#wake !== undefined;
  }

  send(message: ServerMessage): void {
    if (this.closed !== undefined) return;
    const bytes = JSON.stringify(message).length;
    if (this.#waiting.length >= this.#limit || !this.#share.take(bytes)) return this.close('slow');
    this.#last += 1;
    this.#waiting.push({number: this.#last, message, bytes});
    this.wake();
  }

  close(reason: CloseReason): void {
    if (this.closed !== undefined) return;
    this.closed = reason;
    this.#waiting = [];
    this.#share.give();
    this.wake();
    queueMicrotask(() => this.#onClose(this));
  }

  /** Ends the poll under way, if there is one. */
  wake(): void {
    this.#wake?.();
  }

  /** Forgets what has arrived. */
  acknowledge(number: number): void {
    const kept = this.#waiting.filter((item) => item.number > number);
    for (const item of this.#waiting) if (item.number <= number) this.#share.give(item.bytes);
    this.#waiting = kept;
  }

  take(): {messages: ServerMessage[]; next: number} {
    return {messages: this.#waiting.map(({message}) => message), next: this.#last};
  }

  /** Resolves when there is something to say, when another poll comes, or after `POLL_MS`. */
  async wait(gone: AbortSignal): Promise<void> {
    this.wake();
    if (this.#waiting.length > 0 || this.closed !== undefined || gone.aborted) return;
    const {promise, resolve} = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, POLL_MS);
    gone.addEventListener('abort', () => resolve(), {once: true});
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
    if (this.#wake === resolve) this.#wake = undefined;
  }
}
