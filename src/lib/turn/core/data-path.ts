import type {TokenBucket} from '../../core/token-bucket.ts';
import {
  CHANNEL_DATA_HEADER_BYTES,
  channelDataEnd,
  channelOf,
  DATA_INDICATION_HEADER_BYTES,
  putChannelDataHeader,
  putDataIndication,
  SendIndication,
} from '../../stun/relay-frames.ts';
import type {Endpoint} from '../../stun/endpoint.ts';
import {padded} from '../../stun/message.ts';
import type {Allocation, Binding, Permission, Relay} from './allocation.ts';
import type {TurnIo} from './io.ts';

/** The most that a UDP datagram holds. */
const MAX_DATAGRAM_BYTES = 65_507;
const PADDING_BYTES = 3;
/** IPv4 and UDP: what an empty datagram takes of the bandwidth. */
const HEADERS_BYTES = 28;

/**
 * Relays data both ways: what the server does nearly all of its time. No objects but views of the bytes, no texts.
 * What isn't allowed is dropped without an answer, as RFC 8656 sections 11 and 12 say.
 */
export class DataPath {
  readonly #io: TurnIo;
  readonly #bandwidth: TokenBucket | undefined;
  readonly #send = new SendIndication();
  readonly #channelHeader = Buffer.alloc(CHANNEL_DATA_HEADER_BYTES);
  readonly #indication = Buffer.alloc(DATA_INDICATION_HEADER_BYTES + MAX_DATAGRAM_BYTES + PADDING_BYTES);

  /** `bandwidth`: what all allocations share. */
  constructor(io: TurnIo, bandwidth: TokenBucket | undefined) {
    this.#io = io;
    this.#bandwidth = bandwidth;
  }

  /** ChannelData from the client (RFC 8656 section 12.6); false when the bytes are not that. */
  fromChannel(allocation: Allocation, bytes: Uint8Array, nowMs: number): boolean {
    const channel = channelOf(bytes);
    if (channel === 0) return false;
    const binding = allocation.channels.get(channel);
    if (binding === undefined || binding.expiresAt <= nowMs) {
      allocation.traffic.packetsDropped += 1;
      return true;
    }
    const end = channelDataEnd(bytes);
    this.#toPeer(binding.relay, binding.permission, binding.peer, bytes, CHANNEL_DATA_HEADER_BYTES, end, nowMs);
    return true;
  }

  /** A Send indication from the client (RFC 8656 section 11.2); false when the bytes are not that. */
  fromSend(allocation: Allocation, bytes: Uint8Array, nowMs: number): boolean {
    const send = this.#send;
    if (!send.read(bytes)) return false;
    const peer = this.#peerOf(allocation, send);
    const permission = allocation.permissions.get(peer.address);
    const relay = allocation.relay(peer.family);
    if (permission === undefined || relay === undefined) allocation.traffic.packetsDropped += 1;
    else this.#toPeer(relay, permission, peer, bytes, send.dataStart, send.dataEnd, nowMs);
    return true;
  }

  /** A datagram from a peer (RFC 8656 sections 11.4 and 12.7). */
  fromPeer(relay: Relay, peer: Endpoint, bytes: Uint8Array, nowMs: number): void {
    const {allocation} = relay;
    const {traffic} = allocation;
    const binding = allocation.peers.get(peer.key);
    const permission = binding === undefined ? allocation.permissions.get(peer.address) : binding.permission;
    if (permission === undefined || !isOpen(relay, permission, peer, nowMs) || bytes.length > MAX_DATAGRAM_BYTES) {
      traffic.packetsDropped += 1;
      return;
    }
    if (!this.#mayPass(allocation, bytes.length, nowMs)) return;
    traffic.packetsToClient += 1;
    traffic.bytesToClient += bytes.length;
    if (binding !== undefined && binding.expiresAt > nowMs) this.#overChannel(binding, bytes);
    else this.#asIndication(allocation, peer, bytes);
  }

  #toPeer(
    relay: Relay,
    permission: Permission,
    peer: Endpoint,
    bytes: Uint8Array,
    start: number,
    end: number,
    nowMs: number,
  ): void {
    const {allocation} = relay;
    const {traffic} = allocation;
    if (!isOpen(relay, permission, peer, nowMs)) {
      traffic.packetsDropped += 1;
      return;
    }
    if (!this.#mayPass(allocation, end - start, nowMs)) return;
    traffic.packetsToPeer += 1;
    traffic.bytesToPeer += end - start;
    relay.socket.send(peer, bytes.subarray(start, end));
  }

  #overChannel(binding: Binding, bytes: Uint8Array): void {
    putChannelDataHeader(this.#channelHeader, 0, binding.channel, bytes.length);
    binding.relay.allocation.path.send(this.#channelHeader, bytes);
  }

  #asIndication(allocation: Allocation, peer: Endpoint, bytes: Uint8Array): void {
    this.#indication.set(bytes, DATA_INDICATION_HEADER_BYTES);
    const start = putDataIndication(this.#indication, DATA_INDICATION_HEADER_BYTES, bytes.length, peer);
    const end = DATA_INDICATION_HEADER_BYTES + padded(bytes.length);
    allocation.path.send(this.#indication.subarray(start, end));
  }

  #peerOf(allocation: Allocation, {address, port}: SendIndication): Endpoint {
    const last = allocation.lastPeer;
    if (last?.port === port && sameBytes(last.bytes, address)) return last;
    const peer = this.#io.endpoint(address, port);
    allocation.lastPeer = peer;
    return peer;
  }

  #mayPass(allocation: Allocation, payloadBytes: number, nowMs: number): boolean {
    const bytes = payloadBytes + HEADERS_BYTES;
    const own = allocation.bandwidth;
    if ((own !== undefined && !own.take(bytes, nowMs)) || this.#bandwidth?.take(bytes, nowMs) === false) {
      allocation.traffic.packetsCapped += 1;
      return false;
    }
    return true;
  }
}

/** A live permission, on a port that the peer rules leave open, of an allocation that isn't over. */
function isOpen(relay: Relay, permission: Permission, peer: Endpoint, nowMs: number): boolean {
  const {ports} = permission;
  return permission.expiresAt > nowMs && relay.expiresAt > nowMs && peer.port >= ports.first && peer.port <= ports.last;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) {
    if (a[index] !== b[index]) return false;
  }
  return true;
}
