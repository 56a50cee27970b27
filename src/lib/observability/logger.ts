import type {Logger as PinoLogger} from 'pino';

/** Structured log; never given a prompt, an answer or a secret. */
export type Logger = PinoLogger;
