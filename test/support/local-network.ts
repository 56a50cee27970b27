import type {ChildProcess} from 'node:child_process';

import {expect} from 'vitest';

import {collect, type RunResult, runQuiver, spawnQuiver, temporaryHome, waitForLine} from './quiver.ts';

const TIMEOUT_MS = 60_000;

/** A home with a local chain that runs in a process of its own, contracts and funded accounts on it. */
export class LocalNetwork implements AsyncDisposable {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  readonly #place: AsyncDisposable;
  #chain: ChildProcess | undefined;

  private constructor(place: Awaited<ReturnType<typeof temporaryHome>>) {
    this.home = place.home;
    this.env = {...place.env, QUIVER_ADMIN_PORT: '0'};
    this.#place = place;
  }

  static async start(): Promise<LocalNetwork> {
    const network = new LocalNetwork(await temporaryHome());
    const child = spawnQuiver(['chain', 'start', '--port', '0', '--json'], {env: network.env, cwd: network.home});
    network.#chain = child;
    await waitForLine(child, (line) => line.includes('"event":"ready"'), TIMEOUT_MS);
    return network;
  }

  run(
    args: readonly string[],
    {env = {}, input = ''}: {env?: NodeJS.ProcessEnv; input?: string} = {},
  ): Promise<RunResult> {
    return runQuiver(args, {env: {...this.env, ...env}, cwd: this.home, input, timeoutMs: TIMEOUT_MS});
  }

  /** What a command prints under --json. */
  async json<T>(args: readonly string[], options: {env?: NodeJS.ProcessEnv; input?: string} = {}): Promise<T> {
    const {code, stdout, stderr} = await this.run([...args, '--json'], options);
    expect({code, stderr, stdout: code === 0 ? '' : stdout}, args.join(' ')).toEqual({code: 0, stderr: '', stdout: ''});
    return JSON.parse(stdout) as T;
  }

  /** Address of one of the local chain's accounts. */
  async address(wallet: string): Promise<string> {
    return (await this.json<{address: string}>(['wallet', 'balance', '--wallet', wallet])).address;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#chain?.exitCode === null) {
      const ended = collect(this.#chain, 10_000);
      this.#chain.kill('SIGTERM');
      await ended;
    }
    await this.#place[Symbol.asyncDispose]();
  }
}
