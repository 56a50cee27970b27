import {QuiverError} from '../core/errors.ts';
import {pause} from '../core/pause.ts';
import {controlClient} from './control-client.ts';
import type {HostInfo} from './host.ts';
import {answersAt, isRunning} from './run-file.ts';

const CHECK_INTERVAL_MS = 50;

export interface StopOptions {
  /** How long to wait for its end. */
  timeoutMs: number;
  signal?: AbortSignal;
}

/**
 * Asks the running process of a profile to stop and waits until it is gone; returns its pid, or undefined when none
 * runs. Errors: STILL_RUNNING, CONTROL_DENIED, CONTROL_SILENT.
 */
export async function stopRunning(socketPath: string, {timeoutMs, signal}: StopOptions): Promise<number | undefined> {
  const client = controlClient(socketPath);
  try {
    const {pid} = (await client.get('/info', signal)) as HostInfo;
    await client.post('/stop', {}, signal);
    await waitUntilGone(socketPath, pid, timeoutMs, signal);
    return pid;
  } catch (error) {
    if (error instanceof QuiverError && error.code === 'NOT_RUNNING') return undefined;
    throw error;
  }
}

async function waitUntilGone(socketPath: string, pid: number, timeoutMs: number, signal?: AbortSignal): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  // The socket closes before the process ends, and where the process is in another container its pid says nothing.
  while ((await answersAt(socketPath)) || (await isRunning(pid))) {
    signal?.throwIfAborted();
    if (performance.now() > endMs) throw stillRunning(pid, timeoutMs);
    await pause(CHECK_INTERVAL_MS, signal);
  }
}

function stillRunning(pid: number, timeoutMs: number): QuiverError {
  return new QuiverError({
    code: 'STILL_RUNNING',
    message: `The process (pid ${pid}) was asked to stop and is still there after ${timeoutMs / 1000} s`,
    fix: `Wait longer: quiver stop --timeout 2m; or end it at once: kill -9 ${pid}`,
  });
}
