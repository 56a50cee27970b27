/** A frame that carries a question: what the longest context of today's open models takes, and no more. */
export const MAX_OPEN_FRAME_BYTES = 1024 * 1024;
/** Any other frame: a piece of text of at most 32 KiB with a receipt's worth of room. */
export const MAX_FRAME_BYTES = 64 * 1024;
/** A message on a bids stream or the reply topic: one manifest and sixteen bids. */
export const MAX_MARKET_MESSAGE_BYTES = 64 * 1024;
/** Longest text in one delta, so that a frame stays well under its bound. */
export const MAX_DELTA_TEXT_BYTES = 32 * 1024;

/** Text that a provider may send ahead of the reader; also what one request can hold in memory at either side. */
export const CREDIT_WINDOW_BYTES = 64 * 1024;
/** Highest credit that a client can run up, so that the window can't be made unlimited. */
export const MAX_CREDIT_BYTES = 4 * CREDIT_WINDOW_BYTES;

/** What one request's frames that nobody has read yet may weigh at the client: receipts and empty pieces need no credit. */
export const MAX_UNREAD_BYTES = 8 * 1024 * 1024;
/** What a frame weighs beside its text or receipt: the objects around it. */
export const FRAME_WEIGHT_BYTES = 64;
/** Frames that wait for a client that does not read; whoever goes on asking then is cut off. */
export const MAX_WAITING_FRAMES = 4_096;

/** Requests that one peer may have unfinished on one stream. */
export const MAX_IN_FLIGHT_PER_PEER = 32;
/** Bytes queued on a stream whose reader does not read; past this the stream is reset. */
export const MAX_STREAM_BACKLOG_BYTES = 4 * 1024 * 1024;

/** A running receipt at least this often: what a killed provider made is known to this many tokens. */
export const TOKENS_PER_RECEIPT = 64;

/** A provider with a queue and a cold model answers within this, else another is asked. */
export const FIRST_TOKEN_TIMEOUT_MS = 20_000;
/** The slowest back end still worth waiting for makes a token in less. */
export const TOKEN_GAP_TIMEOUT_MS = 15_000;
/** Longest answer: an hour-long generation holds a slot that others wait for. */
export const TOTAL_TIMEOUT_MS = 600_000;
/** A reader that takes nothing for this long loses its slot. */
export const READER_STALL_TIMEOUT_MS = 30_000;
/** How long an answer that was cancelled may take to hand over its last receipt. */
export const CANCEL_GRACE_MS = 1_000;

/** Other providers that are tried when one fails before its first token. */
export const MAX_RETRIES = 2;
