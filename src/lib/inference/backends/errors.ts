import {QuiverError, type QuiverErrorInit} from '../../core/errors.ts';

export type BackendErrorCode =
  | 'BACKEND_UNREACHABLE'
  | 'BACKEND_ERROR'
  | 'BACKEND_BUSY'
  | 'MODEL_NOT_FOUND'
  | 'CONTEXT_TOO_LONG'
  | 'ENGINE_CRASHED'
  | 'ENGINE_UNAVAILABLE'
  | 'MODEL_FILE_MISSING'
  | 'MODEL_FILE_INVALID';

export interface BackendErrorInit extends QuiverErrorInit {
  code: BackendErrorCode;
  /** The same request may succeed if sent again. @default false */
  retryable?: boolean;
  /** When to try again, in milliseconds. */
  retryAfterMs?: number;
}

/** A back end failed in a way that its caller can act on: retry, go elsewhere, or tell the user. */
export class BackendError extends QuiverError {
  declare readonly code: BackendErrorCode;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(init: BackendErrorInit) {
    super(init);
    this.retryable = init.retryable ?? false;
    this.retryAfterMs = init.retryAfterMs;
  }
}

export function modelNotFound(model: string, known: readonly string[]): BackendError {
  const names = known.slice(0, 20).join(', ');
  return new BackendError({
    code: 'MODEL_NOT_FOUND',
    message: `no model named "${model}" here`,
    fix: names === '' ? 'Load a model into the back end first.' : `Choose one of: ${names}`,
  });
}

export function contextTooLong(promptTokens: number, contextTokens: number): BackendError {
  return new BackendError({
    code: 'CONTEXT_TOO_LONG',
    message: `the prompt has ${promptTokens} tokens; the model holds ${contextTokens} including the answer`,
    fix: 'Shorten the prompt, or choose a model with a longer context.',
  });
}

export function busy(where: string, retryAfterMs: number): BackendError {
  return new BackendError({
    code: 'BACKEND_BUSY',
    message: `${where} has no free slot`,
    fix: `Try again in ${Math.ceil(retryAfterMs / 1000)} s.`,
    retryable: true,
    retryAfterMs,
  });
}
