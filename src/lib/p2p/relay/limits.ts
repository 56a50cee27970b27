import type {CircuitCaps} from './circuits.ts';
import type {ReservationLimits} from './reservations.ts';

export interface RelayLimits extends ReservationLimits, CircuitCaps {
  /** Whole seconds, in ms. */
  circuitDurationMs: number;
  /** Bytes in each direction of a circuit. */
  circuitBytes: bigint;
}

/**
 * Sized for inference: 128 KiB and 2 minutes, the usual limits, end an answer after some 500 tokens.
 * The memory of a circuit is two stream buffers, so a thousand fit in a small machine.
 */
export const RELAY_LIMITS: RelayLimits = {
  maxReservations: 512,
  maxReservationsPerSubnet: 16,
  reservationTtlMs: 60 * 60_000,
  maxCircuits: 1_024,
  maxCircuitsPerPeer: 16,
  circuitDurationMs: 30 * 60_000,
  circuitBytes: 128n * 1024n * 1024n,
};

/** On loopback all peers share one subnet. */
export const LOOPBACK_RELAY_LIMITS: Partial<RelayLimits> = {maxReservationsPerSubnet: RELAY_LIMITS.maxReservations};
