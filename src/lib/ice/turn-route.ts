import {isIP} from 'node:net';

import {QuiverError} from '../core/errors.ts';
import {pause} from '../core/pause.ts';
import type {ServerAddress} from '../stun/wire.ts';
import {openWire} from '../stun/wire.ts';
import {TurnDialog, type TurnCredentials} from '../stun/turn-dialog.ts';

/** One way to one TURN server. */
export interface TurnRoute extends ServerAddress, TurnCredentials {}

/** The native side closes its socket in a thread of its own; by then it has. */
const PORT_FREE_DEADLINE_MS = 1_000;
const PORT_RETRY_MS = 50;
const RELEASE_DEADLINE_MS = 2_000;

/**
 * Ends the allocation that was made from a local UDP port which is closed by now: libjuice leaves its allocations to
 * expire, which would hold a relay port, and one of the user's few, for ten minutes more.
 * Best effort: resolves to whether the server has agreed.
 */
export async function releaseFromPort(route: TurnRoute, localPort: number, localAddress?: string): Promise<boolean> {
  const signal = AbortSignal.timeout(PORT_FREE_DEADLINE_MS + RELEASE_DEADLINE_MS);
  const options = {signal, localPort, ...(localAddress !== undefined && {localAddress})};
  const until = performance.now() + PORT_FREE_DEADLINE_MS;
  for (;;) {
    try {
      const wire = await openWire(route, options);
      try {
        await new TurnDialog(wire, route, RELEASE_DEADLINE_MS).release();
        return true;
      } finally {
        wire.close();
      }
    } catch (error) {
      if (error instanceof QuiverError || performance.now() > until) return false;
      await pause(PORT_RETRY_MS);
    }
  }
}

/** `turn:turn.quiver.example:3478?transport=tcp` and the like, for people. */
export function routeText({host, port, transport}: ServerAddress): string {
  const name = isIP(host) === 6 ? `[${host}]` : host;
  return transport === 'tls' ? `turns:${name}:${port}?transport=tcp` : `turn:${name}:${port}?transport=${transport}`;
}
