import {EXIT, QuiverError} from '../core/errors.ts';
import type {ExitCode} from '../core/errors.ts';

/** Why the server ends a connection; a WebSocket is told the code (RFC 6455 section 7.4), HTTP the error. */
export const CLOSE = {
  /** It is being stopped: go to another server, or come back. */
  stopping: {code: 1001, text: 'stopping'},
  /** Messages that break the schema, again and again. */
  invalid: {code: 1008, text: 'too many invalid messages'},
  /** The same peer has joined from another connection. */
  replaced: {code: 4001, text: 'replaced'},
  /** In no room for longer than joining takes. */
  idle: {code: 4008, text: 'joined no room in time'},
  /** Far more than the limits allow, again and again. */
  flooding: {code: 4009, text: 'too many messages'},
  /** It doesn't read what is sent to it. */
  slow: {code: 4010, text: 'reads too slowly'},
  /** It doesn't answer pings. */
  silent: {code: 4011, text: 'no answer to pings'},
} as const;

export type CloseReason = keyof typeof CLOSE;

interface Refusal {
  message: string;
  fix: string;
  exit: ExitCode;
}

/** Every refusal of the server, for its metrics and docs/signalling.md. */
const REFUSALS = {
  SIGNAL_NOT_JOINED: {
    message: 'You are not in this room',
    fix: 'Join it first: {"type":"join","room":…,"token":…}',
    exit: EXIT.usage,
  },
  SIGNAL_NO_SUCH_PEER: {
    message: 'This peer is not in the room',
    fix: 'Wait for its presence message.',
    exit: EXIT.failed,
  },
  SIGNAL_IDENTITY: {
    message: 'This connection belongs to another peer',
    fix: 'Open one connection for each peer.',
    exit: EXIT.refused,
  },
  SIGNAL_ROOM_FULL: {message: 'The room is full', fix: 'Use another room, or wait.', exit: EXIT.failed},
  SIGNAL_TOO_MANY_ROOMS: {
    message: 'This connection is in as many rooms as it may be',
    fix: 'Leave one of them first.',
    exit: EXIT.usage,
  },
  SIGNAL_FULL: {message: 'The server is full', fix: 'Try another server, or this one later.', exit: EXIT.failed},
  SIGNAL_RATE: {message: 'Too many messages', fix: 'Send fewer; wait some seconds.', exit: EXIT.failed},
  SIGNAL_DRAINING: {
    message: 'The server is being stopped',
    fix: 'Go to another server, or come back in a few seconds.',
    exit: EXIT.failed,
  },
  SIGNAL_NO_SESSION: {message: 'There is no such session any more', fix: 'Join again.', exit: EXIT.failed},
  SIGNAL_REPLACED: {
    message: 'The same peer has joined this room from another connection',
    fix: 'Close one of the two, or give each its own identity.',
    exit: EXIT.failed,
  },
  SIGNAL_TOKEN: {
    message: 'The token does not let you into this room',
    fix: 'Make a token for this server, this network and this room.',
    exit: EXIT.refused,
  },
  SIGNAL_TOKEN_USED: {
    message: 'The token was used before',
    fix: 'Make a new token for each joining.',
    exit: EXIT.refused,
  },
  SIGNAL_NOT_ALLOWED: {
    message: 'This server does not know you',
    fix: "Ask the server's operator to add your peer id to signal.allow_peers.",
    exit: EXIT.refused,
  },
} satisfies Record<string, Refusal>;

export type RefusalCode = keyof typeof REFUSALS;

/** @param detail put behind the message */
export function refusal(code: RefusalCode, detail?: string): QuiverError {
  const {message, ...rest} = REFUSALS[code];
  return new QuiverError({code, message: detail === undefined ? message : `${message}: ${detail}`, ...rest});
}

const FINAL: ReadonlySet<string> = new Set([
  'SIGNAL_REPLACED',
  'SIGNAL_NOT_ALLOWED',
  'SIGNAL_IDENTITY',
  'SIGNAL_TOKEN',
  'RECORD_INVALID',
  'RECORD_EXPIRED',
  'CLOCK',
]);

/** Whether another try would be refused too; a channel ends with such an error. */
export function isFinal(code: string): boolean {
  return FINAL.has(code);
}
