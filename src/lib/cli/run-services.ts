import type {Command} from '@oclif/core';

import {QuiverError} from '../core/errors.ts';
import {createLogger, type Logger, type LogLevel} from '../observability/logger.ts';
import {createHost, type Host, type HostInfo, type HostOptions} from '../service/host.ts';
import type {BaseCommand} from './base-command.ts';
import {plain} from './output.ts';
import {StopSignals} from './stop-signals.ts';

/** A start that takes longer than this says what it is waiting for. */
const PATIENCE_MS = 1_000;

export interface RunOptions extends Omit<HostOptions, 'version' | 'onProgress'> {
  /**
   * Work to do once everything runs, e.g. a first question; `host.stopping` aborts it. The services stay up after it
   * unless it calls `host.stop()`; when it fails they are stopped and the command fails with its error.
   */
  onReady?: (host: Host) => Promise<void>;
}

/** The log of a process that serves: for people on a terminal, JSON lines elsewhere; on stderr. */
export function serviceLogger(level: LogLevel): Promise<Logger> {
  return createLogger({level, format: process.stderr.isTTY ? 'text' : 'json'});
}

/**
 * Runs services until a signal or `quiver stop` ends them: what every `X start` does.
 * Prints `ready: <kind> <address>` for each, or the ready event under --json. Returns after a clean stop.
 */
export async function runServices(command: BaseCommand<typeof Command>, options: RunOptions): Promise<void> {
  const {onReady, ...hostOptions} = options;
  const progress = new Progress((text) => command.note(text));
  const host = createHost({
    ...hostOptions,
    version: command.config.version,
    onProgress: (service, phase) => progress.update(service.name, phase),
  });
  const signals = new StopSignals(() => {
    command.note('Stopping; press Ctrl-C again to quit now.');
    // A failure is heard below, through `stopped`.
    host.stop().catch(() => undefined);
  });
  // Strangers can bring a library to reject where nobody listens; a node that serves others survives that.
  const survive = (error: unknown): void => options.log.error({err: error}, 'a rejection that nobody handled');
  process.on('unhandledRejection', survive);
  signals.listen();
  try {
    announce(command, await started(host, progress));
    await onReady?.(host);
  } catch (error) {
    await host.stop();
    if (!isStopped(error)) throw error;
  }
  await host.stopped;
  signals.close();
  process.off('unhandledRejection', survive);
}

async function started(host: Host, progress: Progress): Promise<HostInfo> {
  try {
    return await host.start();
  } finally {
    progress.close();
  }
}

function announce(command: BaseCommand<typeof Command>, info: HostInfo): void {
  const {services, admin, socket, pid} = info;
  if (command.jsonEnabled()) {
    command.event({event: 'ready', services, admin, socket, pid});
    return;
  }
  for (const {kind, publicAddresses, addresses} of services) {
    command.log(plain(`ready: ${kind} ${publicAddresses[0] ?? addresses[0] ?? ''}`).trimEnd());
  }
}

/** To be stopped while starting is no failure: it is what was asked for. */
function isStopped(error: unknown): boolean {
  return error instanceof QuiverError && error.code === 'START_ABORTED';
}

/** Notes which services a slow start is waiting for. */
class Progress {
  readonly #note: (text: string) => void;
  readonly #waiting = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  #slow = false;

  constructor(note: (text: string) => void) {
    this.#note = note;
    this.#timer = setTimeout(() => {
      this.#slow = true;
      for (const name of this.#waiting) this.#say(name);
    }, PATIENCE_MS);
  }

  update(name: string, phase: 'starting' | 'started'): void {
    if (phase === 'started') {
      this.#waiting.delete(name);
      return;
    }
    this.#waiting.add(name);
    if (this.#slow) this.#say(name);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #say(name: string): void {
    this.#note(`Starting ${name} …`);
  }
}
