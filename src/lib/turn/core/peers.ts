import {readChannelNumber} from '../../stun/attributes.ts';
import type {Endpoint} from '../../stun/endpoint.ts';
import {ERROR_CODE} from '../../stun/error-code.ts';
import {ATTRIBUTE} from '../../stun/types.ts';
import type {Allocation} from './allocation.ts';
import {CHANNEL_LIFETIME_MS} from './allocation.ts';
import type {TurnCounters} from './counters.ts';
import type {TurnIo} from './io.ts';
import type {CoreLimits} from './options.ts';
import {readPeerAddresses} from './peer-addresses.ts';
import type {PeerRules, PortRange} from './peer-rules.ts';
import type {TurnRequest} from './request.ts';

/** CreatePermission and ChannelBind: which peers a client may exchange data with. */
export class PeerRequests {
  readonly #io: TurnIo;
  readonly #rules: PeerRules;
  readonly #limits: CoreLimits;
  readonly #counters: TurnCounters;

  constructor(io: TurnIo, rules: PeerRules, limits: CoreLimits, counters: TurnCounters) {
    this.#io = io;
    this.#rules = rules;
    this.#limits = limits;
    this.#counters = counters;
  }

  /** RFC 8656 section 10.2: all of the addresses, or none and an error. */
  createPermission(request: TurnRequest, allocation: Allocation): void {
    const {responder, nowMs} = request;
    const peers = readPeerAddresses(request.message, this.#io);
    if (peers === undefined || peers.length === 0) {
      responder.fail(ERROR_CODE.badRequest);
      return;
    }
    const wanted = new Map<string, PortRange>();
    for (const peer of peers) {
      const ports = this.#check(allocation, peer);
      if (typeof ports === 'number') {
        responder.fail(ports);
        return;
      }
      wanted.set(peer.address, ports);
    }
    const added = [...wanted.keys()].filter((address) => !allocation.permissions.has(address));
    if (allocation.permissions.size + added.length > this.#limits.permissionsPerAllocation) {
      responder.fail(ERROR_CODE.insufficientCapacity);
      return;
    }
    for (const [address, ports] of wanted) allocation.permit(address, ports, nowMs);
    responder.succeed();
  }

  /** RFC 8656 section 12.2 */
  channelBind(request: TurnRequest, allocation: Allocation): void {
    const code = this.#bind(request, allocation);
    if (code === undefined) request.responder.succeed();
    else request.responder.fail(code);
  }

  #bind({message, nowMs}: TurnRequest, allocation: Allocation): number | undefined {
    const number = message.attribute(ATTRIBUTE.channelNumber);
    const channel = number === undefined ? undefined : readChannelNumber(number);
    const peer = readPeerAddresses(message, this.#io)?.[0];
    if (channel === undefined || peer === undefined) return ERROR_CODE.badRequest;

    allocation.sweep(nowMs);
    // One peer for a channel and one channel for a peer, until the binding is over.
    const bound = allocation.channels.get(channel);
    if (bound !== allocation.peers.get(peer.key)) return ERROR_CODE.badRequest;

    const ports = this.#check(allocation, peer);
    if (typeof ports === 'number') return ports;
    if (peer.port < ports.first || peer.port > ports.last) return this.#forbid();
    const relay = allocation.relay(peer.family);
    const {channelsPerAllocation, permissionsPerAllocation} = this.#limits;
    const full =
      (bound === undefined && allocation.channels.size >= channelsPerAllocation) ||
      (!allocation.permissions.has(peer.address) && allocation.permissions.size >= permissionsPerAllocation);
    if (relay === undefined || full) return ERROR_CODE.insufficientCapacity;

    const permission = allocation.permit(peer.address, ports, nowMs);
    const expiresAt = nowMs + CHANNEL_LIFETIME_MS;
    if (bound === undefined) allocation.bind({channel, peer, relay, permission, expiresAt});
    else bound.expiresAt = expiresAt;
    return undefined;
  }

  /** The ports open at a peer's address, or the code of the error. */
  #check(allocation: Allocation, peer: Endpoint): PortRange | number {
    if (allocation.relay(peer.family) === undefined) return ERROR_CODE.peerAddressFamilyMismatch;
    return this.#rules.ports(peer.bytes) ?? this.#forbid();
  }

  #forbid(): number {
    this.#counters.peersForbidden += 1;
    return ERROR_CODE.forbidden;
  }
}
