import {EXIT, QuiverError} from '../../core/errors.ts';

export function unreachable(name: string, reason: string, cause?: unknown): QuiverError {
  return new QuiverError({
    code: 'SIGNAL_UNREACHABLE',
    message: `The signalling server ${name} can't be reached: ${reason}`,
    fix: 'See whether it runs there and what its log says: quiver status',
    cause,
  });
}

export function closedChannel(): QuiverError {
  return new QuiverError({
    code: 'SIGNAL_CLOSED',
    message: 'The signalling channel was closed',
    fix: 'Join the room again.',
  });
}

export function tooLate(what: string): QuiverError {
  return new QuiverError({
    code: 'SIGNAL_TIMEOUT',
    message: `${what} took too long`,
    fix: 'See whether the signalling server answers, and try again.',
  });
}

export function tooMuch(): QuiverError {
  return new QuiverError({
    code: 'SIGNAL_BACKLOG',
    message: 'Too many signalling messages wait for the connection',
    fix: 'Wait until the channel is connected again.',
  });
}

export function badServer(text: string): QuiverError {
  return new QuiverError({
    code: 'SIGNAL_URL',
    message: `"${text}" is not the URL of a signalling server`,
    fix: 'Give one such as https://signal.example.org or ws://127.0.0.1:8081',
    exit: EXIT.usage,
  });
}

/** What a server said, as an error. */
export function fromServer({code, message, fix}: {code: string; message: string; fix: string}): QuiverError {
  return new QuiverError({code, message, fix});
}
