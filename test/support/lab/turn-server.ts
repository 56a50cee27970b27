import {type ChildProcess, spawn} from 'node:child_process';
import {createHmac} from 'node:crypto';
import {once} from 'node:events';
import {readdirSync, readFileSync} from 'node:fs';

import {untilListening} from './coturn.ts';
import type {Namespace} from './namespace.ts';
import type {Credential} from './raw-client.ts';

export interface TurnProcessOptions {
  addresses: readonly string[];
  port: number;
  secret: string;
  users?: Record<string, string>;
  tls?: {port: number; certFile: string; keyFile: string};
  /** A second port, and with two addresses RFC 5780. */
  alternatePort?: number;
  relayPorts?: readonly [number, number];
  /** CIDRs of peers that are special-purpose ones. */
  allow?: readonly string[];
  /** Default and maximum. */
  lifetimeSeconds?: number;
  limits?: {maxAllocations?: number; maxPerUser?: number; perUserPerMinute?: number};
  streams?: {firstMessageMs?: number; idleMs?: number; connectionsPerSource?: number};
  engine?: 'dgram' | 'batch';
}

/** No limit that a test meets by accident. */
export const UNLIMITED = {maxAllocations: 100_000, maxPerUser: 100_000, perUserPerMinute: 10_000_000};

const SCRIPT = `${import.meta.dirname}/turn-process.ts`;

/** Our TURN server in a process of its own, on this machine's loopback or in a namespace of a lab. */
export class TurnServer {
  readonly options: TurnProcessOptions;
  readonly child: ChildProcess;
  errors = '';

  private constructor(options: TurnProcessOptions, child: ChildProcess) {
    this.options = options;
    this.child = child;
    child.stderr?.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
  }

  static async start(options: TurnProcessOptions, namespace?: Namespace): Promise<TurnServer> {
    const args = [SCRIPT, JSON.stringify(options)];
    const stdio = {stdio: ['ignore', 'pipe', 'pipe'] as ('ignore' | 'pipe')[]};
    const child = namespace?.spawn(process.execPath, args, stdio) ?? spawn(process.execPath, args, stdio);
    const server = new TurnServer(options, child);
    try {
      await untilListening(child, [options.port, ...(options.tls === undefined ? [] : [options.tls.port])]);
    } catch (error) {
      await server.kill();
      throw new Error(`${(error as Error).message}\n${server.errors}`, {cause: error});
    }
    return server;
  }

  /** A time-limited credential of a user. */
  credential(user: string): Credential {
    const username = `${Math.floor(Date.now() / 1_000) + 3_600}:${user}`;
    return {username, password: createHmac('sha1', this.options.secret).update(username).digest('base64')};
  }

  /** For a browser. */
  iceServer(user: string, ...urls: string[]): {urls: string[]; username: string; credential: string} {
    const {username, password} = this.credential(user);
    return {urls, username, credential: password};
  }

  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Open file descriptors. */
  get descriptors(): number {
    return readdirSync(`/proc/${this.child.pid}/fd`).length;
  }

  /** Resident, MiB. */
  get memoryMiB(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024;
  }

  async kill(): Promise<void> {
    if (!this.alive) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
