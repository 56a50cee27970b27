import type {CloseReason} from './errors.ts';
import type {SignalLimits} from './limits.ts';
import type {ServerMessage} from './protocol.ts';

/** How clients are connected; `local` is this process itself. */
export const FACES = ['websocket', 'http', 'libp2p', 'local'] as const;
export type Face = (typeof FACES)[number];

/** The connection to one client, as the hub sees it. Neither method throws or waits. */
export interface ClientConnection {
  send(message: ServerMessage): void;
  close(reason: CloseReason): void;
}

/** What one client has at the server: who it is, its rooms, and, while its connection is lost, what waits for it. */
export class Session {
  /** With which a new connection takes this session up again. */
  readonly secret: string;
  readonly source: string;
  readonly face: Face;
  readonly rooms = new Set<string>();
  /** Set by the first join. */
  peer: string | undefined;
  link: ClientConnection | undefined;
  lostAtMs = 0;
  /** Since when it is in no room, as far as was seen. */
  idleSinceMs: number | undefined;
  #waiting: ServerMessage[] = [];
  #waitingBytes = 0;

  constructor(init: {secret: string; source: string; face: Face; link: ClientConnection; nowMs: number}) {
    this.secret = init.secret;
    this.source = init.source;
    this.face = init.face;
    this.link = init.link;
    this.idleSinceMs = init.nowMs;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Keeps a message for the next connection; false when there is no room for it. */
  keep(message: ServerMessage, limits: Pick<SignalLimits, 'waitingMessages' | 'waitingBytes'>): boolean {
    const bytes = sizeOf(message);
    if (this.#waiting.length >= limits.waitingMessages || this.#waitingBytes + bytes > limits.waitingBytes)
      return false;
    this.#waiting.push(message);
    this.#waitingBytes += bytes;
    return true;
  }

  takeWaiting(): readonly ServerMessage[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    return waiting;
  }
}

/** About what a message takes in memory: its text, and the rest. */
export function sizeOf(message: ServerMessage): number {
  if (message.type === 'offer' || message.type === 'answer') return message.sdp.length + 256;
  if (message.type === 'joined') return 256 + message.peers.length * 128 + message.iceServers.length * 512;
  return 512;
}
