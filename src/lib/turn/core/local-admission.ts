import {TokenBucket} from '../../core/token-bucket.ts';
import type {Admission, Lease, Refusal} from './io.ts';

export interface AdmissionLimits {
  /** Allocations of all users. */
  maxAllocations: number;
  /** Allocations of one user at a time. */
  maxPerUser: number;
  /** New allocations of one user a minute. */
  perUserPerMinute: number;
}

export const ADMISSION_LIMITS: AdmissionLimits = {maxAllocations: 1000, maxPerUser: 5, perUserPerMinute: 10};

interface Account {
  held: number;
  rate: TokenBucket;
  /** Until then the rate is worth remembering. */
  fullAgainAt: number;
}

/** Users whose rate is remembered when they hold nothing; more than a server with these limits meets in a minute. */
const MAX_IDLE_ACCOUNTS = 10_000;

const MINUTE_MS = 60_000;

/** Counts for all workers of one server: lives on the control thread, or beside the only core. */
export class LocalAdmission implements Admission {
  readonly #limits: AdmissionLimits;
  readonly #now: () => number;
  readonly #accounts = new Map<string, Account>();
  #held = 0;

  /** `now`: monotonic ms. */
  constructor(limits: AdmissionLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  get held(): number {
    return this.#held;
  }

  /** Users whose counts are kept. */
  get remembered(): number {
    return this.#accounts.size;
  }

  /** The same as `admit`, at once: for the side of a worker boundary where the counting is done. */
  tryAdmit(user: string): Lease | Refusal {
    if (this.#held >= this.#limits.maxAllocations) {
      return 'total-quota';
    }
    const nowMs = this.#now();
    const account = this.#account(user, nowMs);
    if (account.held >= this.#limits.maxPerUser) {
      return 'user-quota';
    }
    if (!account.rate.take(1, nowMs)) {
      return 'user-rate';
    }
    account.fullAgainAt = nowMs + MINUTE_MS;
    account.held += 1;
    this.#held += 1;
    return this.#lease(account);
  }

  async admit(user: string): Promise<Lease | Refusal> {
    return Promise.resolve(this.tryAdmit(user));
  }

  #lease(account: Account): Lease {
    let held = true;
    return {
      release: (): void => {
        if (held) {
          held = false;
          account.held -= 1;
          this.#held -= 1;
        }
      },
    };
  }

  #account(user: string, nowMs: number): Account {
    const known = this.#accounts.get(user);
    if (known !== undefined) {
      return known;
    }
    if (this.#accounts.size >= MAX_IDLE_ACCOUNTS + this.#held) {
      this.#forget(nowMs);
    }
    const {perUserPerMinute} = this.#limits;
    const account = {
      held: 0,
      rate: new TokenBucket({perSecond: perUserPerMinute / 60, burst: perUserPerMinute}, nowMs),
      fullAgainAt: nowMs,
    };
    this.#accounts.set(user, account);
    return account;
  }

  /** Drops those who hold nothing: first the ones whose rate is whole again, then the oldest. */
  #forget(nowMs: number): void {
    const idle = [...this.#accounts].filter(([, account]) => account.held === 0);
    const rested = idle.filter(([, account]) => account.fullAgainAt <= nowMs);
    for (const [user] of rested.length > 0 ? rested : idle.slice(0, Math.ceil(idle.length / 2))) {
      this.#accounts.delete(user);
    }
  }
}
