import {ERROR_CODE} from '../../stun/error-code.ts';
import type {AllocateWish} from './allocate-request.ts';
import {RelayError} from './io.ts';
import type {RelaySocket, TurnIo} from './io.ts';
import type {SharedLease} from './shared-lease.ts';

export interface OpenedRelays {
  /** IPv4 first; one, or two where an additional family was to be had. */
  readonly sockets: readonly RelaySocket[];
  /** The neighbour of EVEN-PORT with R. */
  readonly reserved: readonly RelaySocket[];
  /** What ADDRESS-ERROR-CODE says of the family that isn't there (RFC 8656 section 7.2). */
  readonly errors: readonly {family: 4 | 6; code: number}[];
}

type Family = readonly RelaySocket[] | number;

/** Opens what was asked for, every socket holding the lease; a number is the error to answer. */
export async function openRelays(io: TurnIo, wish: AllocateWish, lease: SharedLease): Promise<OpenedRelays | number> {
  if (!wish.additional) {
    const opened = await openFamily(io, wish, wish.family, lease);
    if (typeof opened === 'number') return opened;
    return {sockets: opened.slice(0, 1), reserved: opened.slice(1), errors: []};
  }
  const [four, six] = await Promise.all([openFamily(io, wish, 4, lease), openFamily(io, wish, 6, lease)]);
  if (typeof four === 'number' && typeof six === 'number') return four;
  const errors = (
    [
      [4, four],
      [6, six],
    ] as const
  ).flatMap(([family, opened]) => (typeof opened === 'number' ? [{family, code: opened}] : []));
  return {sockets: [four, six].flatMap((opened) => (typeof opened === 'number' ? [] : opened)), reserved: [], errors};
}

async function openFamily(io: TurnIo, wish: AllocateWish, family: 4 | 6, lease: SharedLease): Promise<Family> {
  try {
    const sockets = await io.openRelay({family, even: wish.even, pair: wish.reserve});
    for (const _ of sockets) lease.hold();
    return sockets;
  } catch (error) {
    return error instanceof RelayError ? error.code : ERROR_CODE.insufficientCapacity;
  }
}
