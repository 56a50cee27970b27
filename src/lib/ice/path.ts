import type {DataChannel, PeerConnection} from 'node-datachannel';

import {interfaceAddresses} from '../core/interface-addresses.ts';
import {pause} from '../core/pause.ts';
import {parseCandidate, plainCandidate, type Candidate, type CandidateType} from './candidate.ts';
import {openAgent} from './native-agent.ts';
import type {CandidatePair, PathOptions} from './path-types.ts';
import type {TurnBridge} from './turn-bridge.ts';
import {releaseFromPort} from './turn-route.ts';

/** Kept in the native side; more would only be latency for what comes after. */
const BUFFER_LIMIT_BYTES = 512 * 1024;
const BUFFER_LOW_BYTES = 128 * 1024;
const REMOTE_CANDIDATES_LIMIT = 48;
/** Closing a channel is reported by a native thread; without it the process would never end. */
const CLOSE_GRACE_MS = 100;
const DATA = 'quiver-data';
const CONTROL = 'quiver-control';

/**
 * One peer connection of libdatachannel with a reliable channel for data and an unreliable one for measuring.
 * What is thrown in a native callback, and most calls after closing, end the process: both are kept away here.
 */
export class IcePath {
  readonly #options: PathOptions;
  readonly #connection: PeerConnection;
  readonly #bridges: readonly TurnBridge[];
  readonly #channels = new Map<string, DataChannel>();
  readonly #open = new Set<string>();
  readonly #local: Candidate[] = [];
  readonly #remote: Candidate[];
  readonly #own: ReadonlySet<string>;
  #pair: CandidatePair | undefined;
  #closing: Promise<void> | undefined;

  private constructor(
    options: PathOptions,
    connection: PeerConnection,
    bridges: readonly TurnBridge[],
    own: ReadonlySet<string>,
    remote: Candidate[],
  ) {
    this.#options = options;
    this.#connection = connection;
    this.#bridges = bridges;
    this.#own = own;
    this.#remote = remote;
    this.#listen();
  }

  /** Errors: those of `openTurnBridge`. */
  static async create(options: PathOptions): Promise<IcePath> {
    const remote: Candidate[] = [];
    const own = new Set(interfaceAddresses());
    // Through the machine itself a relayed path would become a direct one.
    const admit = (address: string, port: number): boolean =>
      !own.has(address) || remote.some((other) => other.type === 'relay' && sameAddress(other, {address, port}));
    const {connection, bridges} = await openAgent(options, admit);
    return new IcePath(options, connection, bridges, own, remote);
  }

  /** Makes an offer, which comes as an event. */
  offer(): void {
    this.#adopt(this.#connection.createDataChannel(DATA));
    this.#adopt(this.#connection.createDataChannel(CONTROL, {unordered: true, maxRetransmits: 0}));
    this.#connection.setLocalDescription('offer');
  }

  /** Takes an offer; the answer comes as an event. Throws what the native parser says of a bad one. */
  answer(sdp: string): void {
    // The answerer has a pair a little earlier. Were it the one to begin DTLS, as is usual, its first message would
    // often come before the offerer listens, and the next one goes out a second later.
    this.#connection.setRemoteDescription(sdp.replace('a=setup:actpass', 'a=setup:active'), 'offer');
    this.#connection.setLocalDescription('answer');
  }

  takeAnswer(sdp: string): void {
    this.#connection.setRemoteDescription(sdp, 'answer');
  }

  /** Of the other side; what is no candidate is passed over. */
  addCandidate(line: string): void {
    const plain = plainCandidate(line);
    const candidate = parseCandidate(line);
    if (plain === undefined || candidate === undefined || this.#closing !== undefined) return;
    if (this.#remote.length >= REMOTE_CANDIDATES_LIMIT) return;
    this.#remote.push(candidate);
    // A policy of relay alone must not find its way through the machine itself.
    if (this.#options.policy === 'relay' && candidate.type !== 'relay' && this.#own.has(candidate.address)) return;
    try {
      this.#connection.addRemoteCandidate(plain, '0');
    } catch {
      // It came too early or too late; others will do.
    }
  }

  /** How much may be sent now. */
  get roomBytes(): number {
    const channel = this.#channels.get(DATA);
    if (this.#closing !== undefined || !this.#open.has(DATA) || channel === undefined) return 0;
    return Math.max(0, BUFFER_LIMIT_BYTES - channel.bufferedAmount());
  }

  send(bytes: Uint8Array): boolean {
    return this.#send(DATA, bytes);
  }

  /** May be lost. */
  sendControl(bytes: Uint8Array): boolean {
    return this.#send(CONTROL, bytes);
  }

  /** The pair that is used now; undefined before there is one. */
  get pair(): CandidatePair | undefined {
    if (this.#closing !== undefined) return this.#pair;
    const selected = this.#connection.getSelectedCandidatePair();
    const local = selected === null ? undefined : parseCandidate(selected.local.candidate);
    const remote = selected === null ? undefined : parseCandidate(selected.remote.candidate);
    if (local === undefined || remote === undefined) return this.#pair;
    const ends = {local: known(local, this.#local), remote: known(remote, this.#remote)};
    this.#pair = {...ends, type: pathType(ends.local.type, ends.remote.type)};
    return this.#pair;
  }

  /** Closes, and gives allocations of TURN back. Idempotent. */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      void this.pair;
      this.#closing = this.#close();
    }
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const channel of this.#channels.values()) attempt(() => channel.close());
    await pause(CLOSE_GRACE_MS);
    attempt(() => this.#connection.close());
    await Promise.all([...this.#bridges.map((bridge) => bridge.close()), ...this.#releases()]);
  }

  /** What libjuice has allocated itself is given back from the port that it used. */
  #releases(): Promise<unknown>[] {
    const {servers, policy, bindAddress} = this.#options;
    const port = this.#local.find(({type}) => type === 'host')?.port;
    if (policy === 'relay' || port === undefined || !this.#local.some(({type}) => type === 'relay')) return [];
    return servers.turn
      .slice(0, 2)
      .filter(({transport}) => transport === 'udp')
      .map((route) => releaseFromPort(route, port, bindAddress));
  }

  #listen(): void {
    const {events, policy, servers} = this.#options;
    const connection = this.#connection;
    // Addresses that a TURN server saw of a TCP connection are none of ours over UDP.
    const reflexive = servers.stun !== undefined || servers.turn.some(({transport}) => transport === 'udp');
    connection.onLocalDescription(
      this.#guard((sdp, type) => {
        if (type === 'offer' || type === 'answer') events.description(type, sdp);
      }),
    );
    connection.onLocalCandidate(
      this.#guard((line, mid) => {
        const candidate = parseCandidate(line);
        if (candidate === undefined || (candidate.type === 'srflx' && !reflexive)) return;
        if (policy === 'relay' && candidate.type !== 'relay') return;
        this.#local.push(candidate);
        events.candidate(line, mid);
      }),
    );
    connection.onGatheringStateChange(
      this.#guard((state) => {
        if (state === 'complete') events.gathered();
      }),
    );
    connection.onDataChannel(this.#guard((channel) => this.#adopt(channel)));
    connection.onStateChange(
      this.#guard((state) => {
        if (state === 'failed' || state === 'closed' || state === 'disconnected') events.lost();
      }),
    );
    for (const bridge of this.#bridges) void this.#watch(bridge);
  }

  /** The native side notices only after half a minute. */
  async #watch(bridge: TurnBridge): Promise<void> {
    await bridge.closed;
    if (this.#closing === undefined && this.pair?.local.type === 'relay') this.#options.events.lost();
  }

  #adopt(channel: DataChannel): void {
    const label = channel.getLabel();
    if ((label !== DATA && label !== CONTROL) || this.#channels.has(label)) {
      channel.close();
      return;
    }
    const {events} = this.#options;
    this.#channels.set(label, channel);
    channel.setBufferedAmountLowThreshold(BUFFER_LOW_BYTES);
    channel.onOpen(this.#guard(() => this.#opened(label)));
    channel.onMessage(
      this.#guard((message) => {
        if (!Buffer.isBuffer(message)) return;
        if (label === DATA) events.data(message);
        else events.control(message);
      }),
    );
    channel.onBufferedAmountLow(this.#guard(() => events.drain()));
    channel.onClosed(this.#guard(() => events.lost()));
    if (channel.isOpen()) this.#opened(label);
  }

  #opened(label: string): void {
    if (this.#open.has(label)) return;
    this.#open.add(label);
    if (this.#open.size === 2) this.#options.events.open();
  }

  #send(label: string, bytes: Uint8Array): boolean {
    const channel = this.#channels.get(label);
    if (this.#closing !== undefined || channel === undefined || !this.#open.has(label)) return false;
    try {
      // What it returns says whether it went out at once or waits in the buffer.
      channel.sendMessageBinary(bytes);
      return true;
    } catch {
      return false;
    }
  }

  /** Nothing after closing; errors surface as ours and not as an abort of the process by native code. */
  #guard<Args extends unknown[]>(handler: (...args: Args) => void): (...args: Args) => void {
    return (...args) => {
      if (this.#closing !== undefined) return;
      try {
        handler(...args);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    };
  }
}

/** What came from the peer first as a check may be one of its candidates: then it is called what that is. */
function known(candidate: Candidate, among: readonly Candidate[]): Candidate {
  return among.find((other) => sameAddress(other, candidate)) ?? candidate;
}

function sameAddress(a: {address: string; port: number}, b: {address: string; port: number}): boolean {
  return a.address === b.address && a.port === b.port;
}

function pathType(local: CandidateType, remote: CandidateType): CandidatePair['type'] {
  if (local === 'relay' || remote === 'relay') return 'relay';
  return local === 'host' && remote === 'host' ? 'host' : 'srflx';
}

function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // It was closed already.
  }
}
