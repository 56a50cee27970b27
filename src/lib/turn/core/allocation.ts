import type {TokenBucket} from '../../core/token-bucket.ts';
import type {Endpoint} from '../../stun/endpoint.ts';
import type {Traffic} from './counters.ts';
import type {Identity} from './identity.ts';
import type {ClientPath, RelaySocket} from './io.ts';
import type {PortRange} from './peer-rules.ts';
import type {SharedLease} from './shared-lease.ts';

/** RFC 8656 section 9 */
export const PERMISSION_LIFETIME_MS = 300_000;
/** RFC 8656 section 12 */
export const CHANNEL_LIFETIME_MS = 600_000;

/**
 * That a peer address was allowed by the rules and named by the client. Data passes only where one is live, so what
 * the rules deny is denied for data in both directions too.
 */
export interface Permission {
  /** The ports that the rules leave open at this address. */
  readonly ports: PortRange;
  expiresAt: number;
  /** Channels bound to this address; they outlive a permission, and wait for it to be renewed. */
  channels: number;
}

export interface Binding {
  readonly channel: number;
  readonly peer: Endpoint;
  readonly relay: Relay;
  readonly permission: Permission;
  expiresAt: number;
}

/** One relayed transport address of an allocation: one, or two with ADDITIONAL-ADDRESS-FAMILY. */
export interface Relay {
  readonly allocation: Allocation;
  readonly socket: RelaySocket;
  expiresAt: number;
}

export interface AllocationStart {
  path: ClientPath;
  identity: Identity;
  transactionId: Uint8Array;
  lease: SharedLease;
  traffic: Traffic;
  bandwidth: TokenBucket | undefined;
}

/** What is kept for one 5-tuple (RFC 8656 section 5). Changed by `Allocations` and the request handlers only. */
export class Allocation {
  readonly path: ClientPath;
  /** Who made it: everything later must be by the same username, and verifies with this key even after its expiry. */
  readonly identity: Identity;
  readonly transactionId: Uint8Array;
  readonly lease: SharedLease;
  readonly traffic: Traffic;
  readonly bandwidth: TokenBucket | undefined;
  /** The success response, for a retransmitted Allocate. */
  reply: Uint8Array | undefined;
  /** By family. */
  relay4: Relay | undefined;
  relay6: Relay | undefined;
  /** By address, without the port (RFC 8656 section 9). */
  readonly permissions = new Map<string, Permission>();
  readonly channels = new Map<number, Binding>();
  /** By the key of the endpoint. */
  readonly peers = new Map<string, Binding>();
  /** The peer of the last Send indication, which is mostly the next one's too. */
  lastPeer: Endpoint | undefined;

  constructor(start: AllocationStart) {
    this.path = start.path;
    this.identity = start.identity;
    this.transactionId = start.transactionId;
    this.lease = start.lease;
    this.traffic = start.traffic;
    this.bandwidth = start.bandwidth;
  }

  relay(family: 4 | 6): Relay | undefined {
    return family === 4 ? this.relay4 : this.relay6;
  }

  addRelay(socket: RelaySocket, expiresAt: number): void {
    const relay: Relay = {allocation: this, socket, expiresAt};
    socket.owner = relay;
    if (socket.relayed.family === 4) this.relay4 = relay;
    else this.relay6 = relay;
  }

  /** Installs or refreshes. */
  permit(address: string, ports: PortRange, nowMs: number): Permission {
    const expiresAt = nowMs + PERMISSION_LIFETIME_MS;
    const known = this.permissions.get(address);
    if (known !== undefined) {
      known.expiresAt = expiresAt;
      return known;
    }
    const permission = {ports, expiresAt, channels: 0};
    this.permissions.set(address, permission);
    return permission;
  }

  bind(binding: Binding): void {
    this.channels.set(binding.channel, binding);
    this.peers.set(binding.peer.key, binding);
    binding.permission.channels += 1;
  }

  unbind(binding: Binding): void {
    this.channels.delete(binding.channel);
    this.peers.delete(binding.peer.key);
    binding.permission.channels -= 1;
  }

  /** Forgets permissions and channels that are over. */
  sweep(nowMs: number): void {
    for (const binding of this.channels.values()) {
      if (binding.expiresAt <= nowMs) this.unbind(binding);
    }
    for (const [address, permission] of this.permissions) {
      if (permission.expiresAt <= nowMs && permission.channels === 0) this.permissions.delete(address);
    }
  }

  /** Takes a relay away, with the channels through it; its socket is to be closed. */
  removeRelay(relay: Relay): void {
    for (const binding of this.channels.values()) {
      if (binding.relay === relay) this.unbind(binding);
    }
    if (this.relay4 === relay) this.relay4 = undefined;
    else this.relay6 = undefined;
  }
}
