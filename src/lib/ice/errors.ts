import {QuiverError} from '../core/errors.ts';

/** No path to a peer could be made, or none any more. */
export function iceFailed(peer: string, reason: string, cause?: unknown): QuiverError {
  return new QuiverError({
    code: 'ICE_FAILED',
    message: `No connection to ${peer}: ${reason}`,
    fix: 'quiver ice check   (on both machines: it says what is in the way)',
    cause,
  });
}

export function peerAbsent(peer: string): QuiverError {
  return new QuiverError({
    code: 'ICE_PEER_ABSENT',
    message: `${peer} did not come`,
    fix: 'Start the other side too; both must use the same network, and each name the peer id of the other.',
  });
}

export function connectionLost(peer: string, cause?: unknown): QuiverError {
  return new QuiverError({
    code: 'ICE_LOST',
    message: `The connection to ${peer} was lost, and could not be made again`,
    fix: 'Look whether the other side still runs; quiver ice check says what passes here.',
    cause,
  });
}

export function connectionClosed(peer: string): QuiverError {
  return new QuiverError({
    code: 'ICE_CLOSED',
    message: `The connection to ${peer} is closed`,
    fix: 'Connect again.',
  });
}
