import type {PrivateKey} from '@libp2p/interface';

import type {Logger} from '../observability/logger.ts';
import type {SignalMessage} from '../records/signal-message.ts';
import type {Candidate} from './candidate.ts';
import type {IcePolicy, PathServers} from './path-types.ts';
import type {QualityOptions, QualityReport} from './quality.ts';
import type {IceStream} from './stream.ts';

/** `checking` is the first time, `restarting` any other. */
export type ConnectionState = 'checking' | 'connected' | 'restarting' | 'closed';

export interface ConnectionStats extends QualityReport {
  /** The path in use: by its worst end. */
  type: 'host' | 'srflx' | 'relay';
  pair: {local: Candidate; remote: Candidate};
  /** From the offer to the first path that carries data. */
  setupMs: number;
  /** Of all streams, without what was sent twice. */
  bytesSent: number;
  bytesReceived: number;
  /** How often another path was taken. */
  restarts: number;
}

export interface ConnectionOptions {
  id: string;
  room: string;
  self: string;
  peer: string;
  key: PrivateKey;
  policy: IcePolicy;
  bindAddress?: string;
  /** STUN and TURN servers, as they can be reached now; `fresh`: not as they could a minute ago. */
  servers(signal: AbortSignal, fresh?: boolean): Promise<PathServers>;
  tell(message: SignalMessage): Promise<void>;
  quality?: QualityOptions;
  log?: Logger;
  onState?(state: ConnectionState): void;
  onStream?(stream: IceStream): void;
}
