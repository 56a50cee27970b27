import childProcess from 'node:child_process';
import {EventEmitter} from 'node:events';
import {syncBuiltinESMExports} from 'node:module';

/**
 * Runs something that loads llama.cpp without the library's own trial run.
 *
 * On Linux node-llama-cpp 3 forks a process that loads the binary first, in case it crashes. The engine process is one
 * that may crash already, and the trial doubles its time to start: here it gets the answers of one that went well.
 */
export async function skipBinaryProbe<Result>(load: () => Promise<Result>): Promise<Result> {
  const {fork} = childProcess;
  Object.assign(childProcess, {fork: () => new PassedProbe()});
  syncBuiltinESMExports();
  try {
    return await load();
  } finally {
    Object.assign(childProcess, {fork});
    syncBuiltinESMExports();
  }
}

/** As much of a child process as the library looks at (its `testBindingBinary`). */
class PassedProbe extends EventEmitter {
  exitCode: number | null = null;
  readonly killed = false;

  constructor() {
    super();
    setImmediate(() => this.emit('message', {type: 'ready'}));
  }

  send(message: {type: string}): void {
    if (message.type === 'start') this.#answer('loaded');
    else if (message.type === 'test') this.#answer('done');
    else if (message.type === 'exit') this.#exit();
  }

  kill(): boolean {
    return true;
  }

  #answer(type: string): void {
    setImmediate(() => this.emit('message', {type}));
  }

  #exit(): void {
    this.exitCode = 0;
    setImmediate(() => this.emit('exit', 0));
  }
}
