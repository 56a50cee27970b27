/** What this client has seen of one provider. */
interface Record {
  /** Weighted successes and failures; both fade by `FADE` at each event. */
  good: number;
  bad: number;
  firstTokenMs: number | undefined;
  inFlight: number;
  /** A cost that decays: a provider that refuses at once must not look fast. */
  penaltyMs: number;
  penaltyAt: number;
  bannedUntil: number;
}

export type Setback = 'failed' | 'refused' | 'lied';

const MAX_PROVIDERS = 1_024;
/** Memory of about a hundred events (Jøsang and Ismail's forgetting factor). */
const FADE = 0.99;
/** Weight of a first-token time against the average so far. */
const LATENCY_WEIGHT = 0.3;
/** What a failure costs in the choice at first, and how fast that is forgiven. */
const FAILURE_PENALTY_MS = 5_000;
const PENALTY_DECAY_MS = 10_000;
/** A wrong signature, price or count is not a mishap. */
const LIE_BAN_MS = 24 * 3_600_000;
/** Nobody's share falls so low that he could never show he has mended. */
const LEAST_TRUST = 0.05;

/** How providers have done for this client: success, time to first token, requests in flight. Times are wall-clock ms. */
export class Standing {
  readonly #records = new Map<string, Record>();

  begin(provider: string): void {
    this.#of(provider).inFlight += 1;
  }

  done(provider: string): void {
    const record = this.#of(provider);
    record.inFlight = Math.max(0, record.inFlight - 1);
  }

  firstToken(provider: string, ms: number): void {
    const record = this.#of(provider);
    const before = record.firstTokenMs;
    // Up at once, down slowly: a provider that has become slow is noticed with one request.
    record.firstTokenMs = before === undefined || ms > before ? ms : before + LATENCY_WEIGHT * (ms - before);
  }

  succeeded(provider: string): void {
    const record = this.#of(provider);
    record.good = record.good * FADE + 1;
    record.bad *= FADE;
  }

  /** `retryAfterMs`: what the provider asked for, so that it is left alone about as long. */
  setBack(provider: string, what: Setback, now: number, retryAfterMs = 0): void {
    const record = this.#of(provider);
    record.penaltyMs = Math.max(FAILURE_PENALTY_MS, retryAfterMs);
    record.penaltyAt = now;
    // Being busy is no fault.
    if (what === 'refused') return;
    record.good *= FADE;
    record.bad = record.bad * FADE + (what === 'lied' ? 20 : 1);
    if (what === 'lied') record.bannedUntil = now + LIE_BAN_MS;
  }

  banned(provider: string, now: number): boolean {
    return (this.#records.get(provider)?.bannedUntil ?? 0) > now;
  }

  /** Share of requests that went well, with two successes given in advance. */
  trust(provider: string): number {
    const record = this.#records.get(provider);
    return record === undefined ? 1 : (record.good + 2) / (record.good + record.bad + 2);
  }

  /** Expected cost of asking this provider, in ms: predicted first token × load ÷ trust³, or what is left of a penalty. */
  cost(provider: string, advertisedFirstTokenMs: number, now: number): number {
    const record = this.#records.get(provider);
    const expected = Math.max(1, record?.firstTokenMs ?? advertisedFirstTokenMs);
    const load = (record?.inFlight ?? 0) + 1;
    const cost = (expected * load) / Math.max(LEAST_TRUST, this.trust(provider)) ** 3;
    if (record === undefined) return cost;
    return Math.max(cost, record.penaltyMs * Math.exp((record.penaltyAt - now) / PENALTY_DECAY_MS));
  }

  #of(provider: string): Record {
    const found = this.#records.get(provider);
    if (found !== undefined) return found;
    const record = {good: 0, bad: 0, firstTokenMs: undefined, inFlight: 0, penaltyMs: 0, penaltyAt: 0, bannedUntil: 0};
    this.#records.set(provider, record);
    if (this.#records.size > MAX_PROVIDERS) this.#forgetOne(provider);
    return record;
  }

  #forgetOne(except: string): void {
    for (const [provider, {inFlight, bannedUntil}] of this.#records) {
      if (provider === except || inFlight > 0 || bannedUntil > 0) continue;
      this.#records.delete(provider);
      return;
    }
    const oldest = this.#records.keys().next().value;
    if (oldest !== undefined) this.#records.delete(oldest);
  }
}
