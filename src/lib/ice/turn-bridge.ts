import {createSocket, type RemoteInfo, type Socket as UdpSocket} from 'node:dgram';
import {once} from 'node:events';
import type {Socket} from 'node:net';

import {ipText} from '../core/ip-address.ts';
import {FrameReader} from '../stun/frame-reader.ts';
import {decodeMessage, isStun, padded} from '../stun/message.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../stun/types.ts';
import {readXorAddress} from '../stun/xor-address.ts';
import {connectServer, type WireOptions} from '../stun/wire.ts';
import {releaseFromPort, type TurnRoute} from './turn-route.ts';

/** A UDP port on loopback that stands for a TURN server which is spoken to over something else. */
export interface TurnBridge {
  readonly port: number;
  /** Resolves when it is closed, by us or because the server has gone. */
  readonly closed: Promise<void>;
  /** Frees the allocation too. Idempotent. */
  close(): Promise<void>;
}

export interface BridgeOptions extends WireOptions {
  /** Peers that may be heard before the client has sent to them. @default all that the server lets through */
  admit?(address: string, port: number): boolean;
}

const LOOPBACK = '127.0.0.1';
/** Beyond this the path is slower than its sender: datagrams are lost then, as they would be on it. */
const WRITE_BUFFER_LIMIT_BYTES = 512 * 1024;
/** ChannelData begins with a channel from 0x4000 to 0x4FFF and a length (RFC 8656 section 12.4). */
const CHANNEL_HEADER_BYTES = 4;

/**
 * Carries TURN between a UDP client on this machine and a server over TCP, TLS or UDP, so that an ICE agent which
 * speaks TURN over UDP alone can use all three (framing: RFC 8656 section 12.5), or needs no socket but loopback.
 * It serves one client: who first sends STUN. Errors: ICE_SERVER_UNREACHABLE, ICE_SERVER_CERTIFICATE.
 */
export async function openTurnBridge(route: TurnRoute, options: BridgeOptions): Promise<TurnBridge> {
  const uplink = route.transport === 'udp' ? await udpUplink(route) : await streamUplink(route, options);
  const local = createSocket('udp4');
  let client: RemoteInfo | undefined;
  local.on('message', (bytes, from) => {
    if (client === undefined && isStun(bytes)) client = from;
    if (client?.port !== from.port || client.address !== from.address) return;
    uplink.send(bytes);
  });
  local.on('error', () => {});
  uplink.receive = (bytes) => {
    if (client === undefined || !admitted(bytes, options)) return;
    local.send(bytes, client.port, client.address, () => {});
  };
  local.bind(0, LOOPBACK);
  await once(local, 'listening');

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    closing ??= (async () => {
      uplink.receive = () => {};
      uplink.send = () => {};
      await uplink.close(client !== undefined);
      await new Promise<void>((resolve) => local.close(resolve));
    })();
    return closing;
  };
  void uplink.lost.then(close);
  const {port} = local.address();
  return {port, closed: uplink.lost, close};
}

/** A Data indication says whom it is from; what comes over a channel is from somebody that the client has chosen. */
function admitted(bytes: Uint8Array, options: BridgeOptions): boolean {
  if (options.admit === undefined || !isStun(bytes)) return true;
  const message = decodeMessage(bytes);
  if (message?.method !== METHOD.data || message.class !== CLASS.indication) return true;
  const value = message.attribute(ATTRIBUTE.xorPeerAddress);
  const peer = value === undefined ? undefined : readXorAddress(value, message.transactionId);
  return peer !== undefined && options.admit(ipText(peer.bytes), peer.port);
}

interface Uplink {
  send: (bytes: Buffer) => void;
  receive: (bytes: Uint8Array) => void;
  readonly lost: Promise<void>;
  close(allocated: boolean): Promise<void>;
}

async function streamUplink(route: TurnRoute, options: WireOptions): Promise<Uplink> {
  const socket = await connectServer(route, options);
  const frames = new FrameReader();
  const uplink: Uplink = {
    send: (bytes) => sendFrame(socket, bytes),
    receive: () => {},
    lost: new Promise((resolve) => socket.once('close', () => resolve())),
    // The server frees the allocation with its connection (RFC 8656 section 3.1).
    close: async () => void socket.destroy(),
  };
  socket.on('data', (chunk) => {
    if (!frames.push(chunk, (frame) => uplink.receive(Buffer.from(frame)))) socket.destroy();
  });
  return uplink;
}

function sendFrame(socket: Socket, bytes: Buffer): void {
  if (socket.writableLength > WRITE_BUFFER_LIMIT_BYTES) return;
  if (isStun(bytes)) {
    socket.write(bytes);
    return;
  }
  if (bytes.length < CHANNEL_HEADER_BYTES || (bytes[0] ?? 0) >> 4 !== 4) return;
  const length = CHANNEL_HEADER_BYTES + bytes.readUInt16BE(2);
  if (length > bytes.length) return;
  // One write: a frame in two would be two segments without Nagle's algorithm.
  const frame = Buffer.alloc(padded(length));
  bytes.copy(frame, 0, 0, length);
  socket.write(frame);
}

async function udpUplink(route: TurnRoute): Promise<Uplink> {
  const {lookup} = await import('node:dns/promises');
  const {address, family} = await lookup(route.host);
  const socket: UdpSocket = createSocket(family === 6 ? 'udp6' : 'udp4');
  socket.on('error', () => {});
  socket.connect(route.port, address);
  await once(socket, 'connect');
  const {port: localPort} = socket.address();
  let lose = (): void => {};
  const uplink: Uplink = {
    send: (bytes) => socket.send(bytes, () => {}),
    receive: () => {},
    lost: new Promise((resolve) => (lose = resolve)),
    async close(allocated) {
      await new Promise<void>((resolve) => socket.close(resolve));
      if (allocated) await releaseFromPort(route, localPort);
      lose();
    },
  };
  socket.on('message', (bytes) => uplink.receive(bytes));
  return uplink;
}
