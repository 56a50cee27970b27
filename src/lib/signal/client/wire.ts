import type {QuiverError} from '../../core/errors.ts';

/** One connection to a signalling server, over whatever carries text. */
export interface Wire {
  /** Resolves when it was handed over. Rejects when the connection is gone. */
  send(text: string): Promise<void>;
  /** Ends it; `closed` follows. Idempotent. */
  close(): void;
}

export interface WireEvents {
  text(text: string): void;
  /** Once. With the reason where the server gave one. */
  closed(reason?: QuiverError): void;
}

/** A server that a channel can go to. */
export interface SignalServerAddress {
  /** For messages to people: a URL or a peer id. */
  name: string;
  /** Rejects with QuiverError. */
  dial(events: WireEvents, signal: AbortSignal): Promise<Wire>;
  /** Where the connection does not say who we are. */
  token?(): Promise<string>;
}
