import type {Logger} from '../../observability/logger.ts';
import {MASK} from '../../core/mask.ts';

/** A line of coturn is 200 characters; a stranger may put 500 into a name. */
const LINE_LIMIT_CHARACTERS = 1_000;
/** Complaints a minute; who sends coturn rubbish chooses how many there are. */
const COMPLAINTS_LIMIT = 30;
const MINUTE_MS = 60_000;
/** Said by versions that could do DTLS, of files that nobody asked for. */
const HARMLESS = /^(?:Certificate|Private key) file not found or not readable: \S+\/turn_server_(?:cert|pkey)\.pem$/;
/** Lines kept to explain an end with. */
const KEPT_LINES = 5;

/** `2026-11-20T17:11:06.072+0000 WARNING text`, or `12: (3456): ERROR: text` of older versions. */
const PREFIX = /^(?:\d{4}-\d\d-\d\dT\S+ |\d+: *(?:\(\d+\))? *:? *)?(?:(DEBUG|INFO|WARNING|ERROR):? +)?/;

/**
 * Turns what coturn prints into lines of our log: its complaints as warnings, a few a minute, all else as debug. Any of
 * `secrets` is masked, should coturn ever print one.
 */
export class LogLines {
  readonly #log: Logger;
  readonly #secrets: readonly string[];
  readonly #now: () => number;
  /** The last complaints. */
  readonly complaints: string[] = [];
  #rest = '';
  #minuteMs = 0;
  #count = 0;

  constructor(log: Logger, secrets: readonly string[], now: () => number = Date.now) {
    this.#log = log;
    this.#secrets = secrets;
    this.#now = now;
  }

  push(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = (lines.pop() ?? '').slice(0, LINE_LIMIT_CHARACTERS);
    for (const line of lines) this.#line(line.slice(0, LINE_LIMIT_CHARACTERS));
  }

  #line(line: string): void {
    const [prefix, level] = PREFIX.exec(line) ?? [''];
    const coturn = this.#secrets
      .reduce((text, secret) => text.replaceAll(secret, MASK), line.slice(prefix.length))
      .trim();
    if (coturn === '') return;
    const complains = (level === 'WARNING' || level === 'ERROR') && !HARMLESS.test(coturn);
    if (!complains) return this.#log.debug({coturn}, 'coturn');
    this.complaints.push(coturn);
    if (this.complaints.length > KEPT_LINES) this.complaints.shift();
    if (this.#mayComplain()) this.#log.warn({coturn}, 'coturn complains');
  }

  #mayComplain(): boolean {
    const nowMs = this.#now();
    if (nowMs - this.#minuteMs >= MINUTE_MS) {
      this.#minuteMs = nowMs;
      this.#count = 0;
    }
    this.#count += 1;
    if (this.#count === COMPLAINTS_LIMIT + 1) this.#log.warn('coturn complains too often to show all of it');
    return this.#count <= COMPLAINTS_LIMIT;
  }
}
