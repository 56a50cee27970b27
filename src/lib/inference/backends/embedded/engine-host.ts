import {type ChildProcess, fork} from 'node:child_process';
import type {Logger} from '../../../observability/logger.ts';
import {BackendError} from '../errors.ts';
import {engineEntry} from './engine-entry.ts';
import {MessageQueue} from './message-queue.ts';
import type {EngineChat, FromEngine, LoadedModel, ToEngine} from './protocol.ts';

/** Pauses before the engine is started again: the first crash should cost little, a loop of them even less. */
const FIRST_RESTART_MS = 100;
const LONGEST_RESTART_MS = 10_000;
/** So many crashes within a minute are a loop; then the engine rests, since something has to change first. */
const LOOP_CRASHES = 5;
const LOOP_WINDOW_MS = 60_000;
const REST_MS = 300_000;
/** The engine's main thread only hands work on; one that is silent for so long hangs, however busy the machine is. */
const HANGS_AFTER_MS = 15_000;
/** The last words of a native crash are on stderr; more than this is not worth keeping. */
const LAST_WORDS_CHARS = 2000;

export type Reply =
  | Extract<FromEngine, {type: 'end' | 'vectors' | 'failed' | 'pong'}>
  | {type: 'deltas'; delta: DeltaReply};
type DeltaReply = Extract<FromEngine, {type: 'deltas'}>['deltas'][number];
export type Call = ({type: 'chat'} & EngineChat) | {type: 'embed'; inputs: readonly string[]} | {type: 'ping'};

export interface EngineHostOptions {
  modelPath: string;
  slots: number;
  /** How long the engine may be silent before it is taken for hanging. @default 15 000 */
  hangsAfterMs?: number;
  log?: Logger | undefined;
}

/** Keeps one engine process running and carries requests to it. */
export class EngineHost {
  readonly #options: EngineHostOptions;
  readonly #replies = new Map<number, MessageQueue<Reply>>();
  readonly #crashes: number[] = [];
  #child: ChildProcess | undefined;
  #loaded = Promise.withResolvers<LoadedModel>();
  #ready = false;
  #resting = false;
  #closed = false;
  #trouble = 'the engine is starting';
  #loadFailure: Extract<FromEngine, {type: 'notLoaded'}> | undefined;
  #restart: NodeJS.Timeout | undefined;
  #nextId = 1;

  constructor(options: EngineHostOptions) {
    this.#options = options;
    this.#spawn();
  }

  /** The model, as soon as the engine can work; rejects if this start fails, or at once while it rests. */
  whenReady(): Promise<LoadedModel> {
    return this.#resting || this.#closed ? Promise.reject(crashed(this.#trouble)) : this.#loaded.promise;
  }

  /** Process id of the running engine. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Undefined when the engine can work. */
  get trouble(): string | undefined {
    return this.#ready ? undefined : this.#trouble;
  }

  /** Sends a request; replies come through the queue until `end`, `vectors` or `failed`. */
  call(call: Call): {id: number; replies: MessageQueue<Reply>} {
    const id = this.#nextId++;
    const replies = new MessageQueue<Reply>();
    if (this.#ready) {
      this.#replies.set(id, replies);
      this.#child?.ref();
      this.#child?.channel?.ref();
      this.post({...call, id});
    } else {
      replies.fail(crashed(this.#trouble));
    }
    return {id, replies};
  }

  /** A message to an engine that just died is lost; its end is noticed elsewhere. */
  post(message: ToEngine): void {
    this.#child?.send(message, () => {});
  }

  /** Whether the engine responds. One that hangs is ended, which starts a new one. */
  async ping(signal: AbortSignal): Promise<boolean> {
    const child = this.#child;
    const {replies} = this.call({type: 'ping'});
    const late = Promise.withResolvers<boolean>();
    const abort = (): void => late.resolve(false);
    const timer = setTimeout(() => {
      child?.kill('SIGKILL');
      late.resolve(false);
    }, this.#options.hangsAfterMs ?? HANGS_AFTER_MS);
    signal.addEventListener('abort', abort, {once: true});
    const answered = replies.next().then(
      () => true,
      () => false,
    );
    try {
      return await Promise.race([answered, late.promise]);
    } finally {
      signal.removeEventListener('abort', abort);
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#trouble = 'it was closed';
    clearTimeout(this.#restart);
    this.#loaded.promise.catch(() => {});
    this.#loaded.reject(crashed(this.#trouble));
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const {promise, resolve} = Promise.withResolvers<void>();
    child.once('exit', resolve);
    child.ref();
    child.kill('SIGKILL');
    await promise;
  }

  #spawn(): void {
    this.#resting = false;
    // An environment of its own: nothing secret gets there, and no option of this process's Node. Only crash reports are
    // read; a backtrace would take a debugger and seconds. The library computes paths in a home that it never uses, and
    // fails where the system knows none, as in containers that run under any user id.
    const child = fork(engineEntry, [], {
      execArgv: [],
      env: {GGML_NO_BACKTRACE: '1', HOME: '/nonexistent'},
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child = child;
    let lastWords = '';
    this.#loadFailure = undefined;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      lastWords = (lastWords + text).slice(-LAST_WORDS_CHARS);
    });
    child.on('message', (message: FromEngine) => this.#receive(message));
    child.on('error', (error) => {
      if (child.pid === undefined) this.#gone(error.message);
    });
    child.once('exit', (code, signal) => {
      this.#gone(this.#loadFailure?.message ?? `${signal ?? `exit code ${code}`}${lastLine(lastWords)}`);
    });
    this.post({type: 'load', modelPath: this.#options.modelPath, slots: this.#options.slots});
  }

  #receive(message: FromEngine): void {
    if (message.type === 'deltas') {
      for (const delta of message.deltas) this.#replies.get(delta.id)?.push({type: 'deltas', delta});
    } else if (message.type === 'loaded') {
      this.#ready = true;
      this.#letGo();
      this.#loaded.resolve(message.model);
    } else if (message.type === 'notLoaded') {
      this.#loadFailure = message;
      this.#child?.kill('SIGKILL');
    } else {
      this.#replies.get(message.id)?.push(message);
      this.#replies.delete(message.id);
      if (this.#replies.size === 0) this.#letGo();
    }
  }

  /** An idle engine does not keep this process alive. */
  #letGo(): void {
    this.#child?.unref();
    this.#child?.channel?.unref();
    const stderr = this.#child?.stderr;
    if (stderr !== null && stderr !== undefined && 'unref' in stderr) (stderr as {unref(): void}).unref();
  }

  #gone(how: string): void {
    const started = this.#ready;
    this.#ready = false;
    this.#child = undefined;
    const error = crashed(this.#closed ? this.#trouble : how);
    for (const replies of this.#replies.values()) replies.fail(error);
    this.#replies.clear();
    if (this.#closed) return;
    this.#options.log?.warn({how}, 'the engine process ended unexpectedly');
    if (!started) {
      this.#loaded.reject(
        this.#loadFailure?.noBinary === true ? unavailable() : notLoadable(this.#options.modelPath, how),
      );
    }
    this.#loaded = Promise.withResolvers();
    // Nobody may be waiting for it.
    this.#loaded.promise.catch(() => {});
    this.#restart = setTimeout(() => this.#spawn(), this.#pauseMs(how));
    if (this.#resting) this.#restart.unref();
  }

  #pauseMs(how: string): number {
    const now = Date.now();
    this.#crashes.push(now);
    while ((this.#crashes[0] ?? now) < now - LOOP_WINDOW_MS) this.#crashes.shift();
    const crashes = this.#crashes.length;
    if (crashes >= LOOP_CRASHES) {
      this.#resting = true;
      this.#trouble = `the engine crashed ${crashes} times in a minute (${how}); it rests until ${new Date(now + REST_MS).toISOString()}`;
      return REST_MS;
    }
    this.#trouble = `the engine crashed (${how}) and is starting again`;
    return Math.min(LONGEST_RESTART_MS, FIRST_RESTART_MS * 2 ** (crashes - 1));
  }
}

function crashed(how: string): BackendError {
  return new BackendError({
    code: 'ENGINE_CRASHED',
    message: `the embedded engine stopped: ${how}`,
    fix: 'Try again: the engine starts anew by itself. If it keeps crashing, check free memory and the model file.',
    retryable: true,
    retryAfterMs: FIRST_RESTART_MS * 10,
  });
}

function notLoadable(modelPath: string, why: string): BackendError {
  return new BackendError({
    code: 'MODEL_FILE_INVALID',
    message: `the engine can't load ${modelPath}: ${why}`,
    fix: 'Check that the file is a complete GGUF model that fits into memory; download or copy it again if in doubt.',
  });
}

function unavailable(): BackendError {
  return new BackendError({
    code: 'ENGINE_UNAVAILABLE',
    message: `there is no embedded engine for ${process.platform} ${process.arch}`,
    fix: 'Start Ollama or a llama.cpp server on this machine: it is found and used by itself.',
  });
}

function lastLine(text: string): string {
  const line = text.trim().split('\n').at(-1) ?? '';
  return line === '' ? '' : `: ${line}`;
}
