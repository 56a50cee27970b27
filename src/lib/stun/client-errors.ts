import {EXIT, QuiverError} from '../core/errors.ts';

import {ERROR_CODE} from './error-code.ts';

/** Where a STUN server was asked, for a message: `udp stun.example:3478`. */
type Where = string;

export function noSuchHost(host: string, family: 4 | 6 | undefined, cause: unknown): QuiverError {
  return new QuiverError({
    code: 'STUN_HOST_UNKNOWN',
    message: `The STUN server ${host} has no ${family === undefined ? '' : `IPv${family} `}address`,
    fix: `getent ahosts ${host}   (then mend the name, or give an address)`,
    cause,
  });
}

export function noAnswer(where: Where, seconds: number): QuiverError {
  return new QuiverError({
    code: 'STUN_NO_ANSWER',
    message: `No STUN answer from ${where} within ${Number(seconds.toFixed(1))} s`,
    fix: 'Look whether the server runs and whether a firewall between lets its port through; UDP is what is blocked most, so try tcp and tls',
  });
}

export function unreachable(where: Where, cause: unknown): QuiverError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new QuiverError({
    code: 'STUN_UNREACHABLE',
    message: `The STUN server ${where} can't be reached: ${detail}`,
    fix: 'Look whether it runs there and speaks this transport; STUN and TURN are on 3478, over TLS on 5349',
    cause,
  });
}

export function notStun(where: Where): QuiverError {
  return new QuiverError({
    code: 'STUN_NOT_STUN',
    message: `What listens on ${where} does not speak STUN`,
    fix: 'Give the port of a STUN or TURN server: 3478, or 5349 over TLS',
  });
}

export function refused(where: Where, code: number): QuiverError {
  const wantsLogin = code === ERROR_CODE.unauthenticated;
  return new QuiverError({
    code: 'STUN_REFUSED',
    message:
      code === 0 ? `The answer of ${where} can't be understood` : `${where} answered the Binding request with ${code}`,
    fix: wantsLogin
      ? 'This server answers only who has logged in; name one that answers everybody'
      : 'Name another STUN server',
    exit: wantsLogin ? EXIT.refused : EXIT.failed,
  });
}
