import type {Candidate} from './candidate.ts';
import type {TurnRoute} from './turn-route.ts';

export type IcePolicy = 'all' | 'relay';

/** What a path tries, in addition to its own addresses. */
export interface PathServers {
  stun?: {host: string; port: number};
  /** At most two are used. */
  turn: readonly TurnRoute[];
}

export interface PathOptions {
  servers: PathServers;
  policy: IcePolicy;
  /** Of this machine; everything when undefined. */
  bindAddress?: string;
  events: PathEvents;
  signal: AbortSignal;
}

export interface PathEvents {
  description(type: 'offer' | 'answer', sdp: string): void;
  candidate(line: string, mid: string): void;
  gathered(): void;
  /** Both channels are there. */
  open(): void;
  data(bytes: Buffer): void;
  control(bytes: Buffer): void;
  /** `roomBytes` has grown. */
  drain(): void;
  /** Not after `close()`. */
  lost(): void;
}

export interface CandidatePair {
  local: Candidate;
  remote: Candidate;
  /** Of the path as a whole: `relay` if either end is, `srflx` if a NAT was crossed. */
  type: 'host' | 'srflx' | 'relay';
}
