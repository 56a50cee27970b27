import {QuiverError} from '../core/errors.ts';
import {ipText} from '../core/ip-address.ts';
import type {TransportAddress} from '../stun/xor-address.ts';
import type {Finding} from './finding.ts';
import {openWire, type ServerTransport} from '../stun/wire.ts';
import {TurnDialog} from '../stun/turn-dialog.ts';
import {routeText, type TurnRoute} from './turn-route.ts';

/** What became of a real allocation, made and given back. */
export interface TurnProbe {
  url: string;
  transport: ServerTransport;
  /** From the first packet, TCP and TLS included, to the allocation. */
  ms?: number;
  /** What peers would send to, and how the server sees this host. */
  relayed?: string;
  mapped?: string;
  lifetimeS?: number;
  problem?: Finding;
}

export interface ProbeOptions {
  signal: AbortSignal;
  /** For each answer. @default 4000 */
  deadlineMs?: number;
}

const DEADLINE_MS = 4_000;
const LIFETIME_S = 600;

/** Allocates at a TURN server with the credentials given and releases at once. Rejects only when the signal aborts. */
export async function probeTurn(route: TurnRoute, options: ProbeOptions): Promise<TurnProbe> {
  const {signal, deadlineMs = DEADLINE_MS} = options;
  const probe = {url: routeText(route), transport: route.transport};
  const startedMs = performance.now();
  try {
    const wire = await openWire(route, {signal, connectDeadlineMs: deadlineMs});
    try {
      const dialog = new TurnDialog(wire, route, deadlineMs);
      const {relayed, mapped, lifetimeS} = await dialog.allocate(LIFETIME_S);
      const ms = Math.round((performance.now() - startedMs) * 10) / 10;
      await dialog.release().catch(() => undefined);
      const addresses = {relayed: text(relayed), ...(mapped !== undefined && {mapped: text(mapped)})};
      return {...probe, ms, ...addresses, lifetimeS};
    } finally {
      wire.close();
    }
  } catch (error) {
    signal.throwIfAborted();
    return {...probe, problem: problemOf(error)};
  }
}

function text({bytes, port}: TransportAddress): string {
  return bytes.length === 16 ? `[${ipText(bytes)}]:${port}` : `${ipText(bytes)}:${port}`;
}

function problemOf(error: unknown): Finding {
  if (error instanceof QuiverError) return {code: error.code, message: error.message, fix: error.fix};
  return {
    code: 'ICE_SERVER_UNREACHABLE',
    message: error instanceof Error ? error.message : String(error),
    fix: 'Look at the name of the server, and at the network of this machine.',
  };
}
