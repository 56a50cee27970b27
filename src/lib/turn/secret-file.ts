import {QuiverError} from '../core/errors.ts';
import {readSecrets} from './secret.ts';

/** An operator who has replaced the file looks on for a few seconds. */
const POLL_MS = 5_000;

export interface SecretHooks {
  onChange: (secrets: readonly string[]) => void;
  /** The file has gone or can't be used: those before stay. Once for each reason. */
  onFault: (error: unknown) => void;
}

/** The secrets of a file, read again when somebody has replaced it. */
export class SecretFile {
  readonly #path: string;
  readonly #pollMs: number;
  #current: readonly string[];
  #fault = '';
  #busy = false;

  /** @param current what `loadSecrets` has found in it */
  constructor(path: string, current: readonly string[], pollMs = POLL_MS) {
    this.#path = path;
    this.#current = current;
    this.#pollMs = pollMs;
  }

  /** The one to issue with first. They change only while somebody watches. */
  get current(): readonly string[] {
    return this.#current;
  }

  /** Looks after the file until what it gives back is called. */
  watch(hooks: SecretHooks): () => void {
    let stopped = false;
    const timer = setInterval(() => void this.#look(hooks, () => stopped), this.#pollMs).unref();
    return () => {
      stopped = true;
      clearInterval(timer);
    };
  }

  async #look({onChange, onFault}: SecretHooks, stopped: () => boolean): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const secrets = (await readSecrets(this.#path)) ?? [];
      if (stopped()) return;
      if (secrets.length === 0) throw gone(this.#path);
      this.#fault = '';
      if (secrets.join('\n') === this.#current.join('\n')) return;
      this.#current = secrets;
      onChange(secrets);
    } catch (error) {
      const fault = String(error);
      if (!stopped() && fault !== this.#fault) onFault(error);
      this.#fault = fault;
    } finally {
      this.#busy = false;
    }
  }
}

function gone(path: string): QuiverError {
  return new QuiverError({
    code: 'TURN_SECRET_MISSING',
    message: `The file with the TURN secrets, ${path}, is gone; those that were in it stay until the next start`,
    fix: `Put it back, or make a new one: (umask 077 && openssl rand -base64 32 > '${path}')`,
  });
}
