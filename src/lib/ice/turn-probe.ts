import {QuiverError} from '../core/errors.ts';
import {ipText} from '../core/ip-address.ts';
import type {TransportAddress} from '../stun/xor-address.ts';
import {openWire, type ServerTransport} from './stun-wire.ts';
import {TurnDialog} from './turn-dialog.ts';
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
  problem?: QuiverError;
}

export interface ProbeOptions {
  signal: AbortSignal;
  /** Certificates (PEM) that are trusted beside the system's. */
  ca?: string;
  /** For each answer. @default 4000 */
  deadlineMs?: number;
}

const DEADLINE_MS = 4_000;
const LIFETIME_S = 600;

/** Allocates at a TURN server with the credentials given and releases at once. Rejects only when the signal aborts. */
export async function probeTurn(route: TurnRoute, options: ProbeOptions): Promise<TurnProbe> {
  const {signal, ca, deadlineMs = DEADLINE_MS} = options;
  const probe = {url: routeText(route), transport: route.transport};
  const startedMs = performance.now();
  try {
    const wire = await openWire(route, {signal, connectDeadlineMs: deadlineMs, ...(ca !== undefined && {ca})});
    try {
      const dialog = new TurnDialog(wire, route, deadlineMs);
      const {relayed, mapped, lifetimeS} = await dialog.allocate(LIFETIME_S);
      const ms = performance.now() - startedMs;
      await dialog.release().catch(() => undefined);
      const addresses = {relayed: text(relayed), ...(mapped !== undefined && {mapped: text(mapped)})};
      return {...probe, ms, ...addresses, lifetimeS};
    } finally {
      wire.close();
    }
  } catch (error) {
    signal.throwIfAborted();
    return {...probe, problem: error instanceof QuiverError ? error : unknown(error)};
  }
}

function text({bytes, port}: TransportAddress): string {
  return bytes.length === 16 ? `[${ipText(bytes)}]:${port}` : `${ipText(bytes)}:${port}`;
}

function unknown(cause: unknown): QuiverError {
  return new QuiverError({
    code: 'ICE_SERVER_UNREACHABLE',
    message: cause instanceof Error ? cause.message : String(cause),
    fix: 'Look at the name of the server, and at the network of this machine.',
    cause,
  });
}
