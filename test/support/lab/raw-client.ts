import {createSocket, type Socket as UdpSocket} from 'node:dgram';
import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {connect as connectTcp, isIPv6, type Socket} from 'node:net';
import {connect as connectTls} from 'node:tls';

import {
  type Attribute,
  build,
  type Build,
  longTermKey,
  METHOD,
  parse,
  type RawMessage,
  readXorAddress,
  TYPE,
  uint32,
  valueOf,
  xorAddress,
} from './raw-stun.ts';

/** How long a silence must last to count as no answer; longer where a machine may have stalled. */
export const silence = {ms: 400};
const CHALLENGE_RETRIES = 7;
const CONNECT_DEADLINE_MS = 5_000;

export interface Credential {
  username: string;
  password: string;
}

export interface Server {
  address: string;
  port: number;
  transport?: 'udp' | 'tcp' | 'tls';
  /** The address to come from. */
  from?: string;
}

export const UDP_TRANSPORT: Attribute = [TYPE.requestedTransport, Buffer.of(17, 0, 0, 0)];

/** A TURN client that does exactly what a test says: bytes out, and what comes back in a queue. */
export class RawClient {
  readonly server: Server;
  readonly credential: Credential | undefined;
  realm = '';
  nonce: Buffer = Buffer.alloc(0);
  /** True once the server has closed it. */
  closed = false;
  readonly #udp: UdpSocket | undefined;
  readonly #stream: Socket | undefined;
  readonly #queue: Buffer[] = [];
  readonly #waiting = new Set<() => void>();
  #rest: Buffer = Buffer.alloc(0);

  private constructor(server: Server, credential: Credential | undefined, udp?: UdpSocket, stream?: Socket) {
    this.server = server;
    this.credential = credential;
    this.#udp = udp;
    this.#stream = stream;
    udp?.on('message', (bytes) => this.#add(bytes)).on('error', () => undefined);
    stream
      ?.on('data', (bytes) => this.#frames(bytes))
      .on('error', () => undefined)
      .on('close', () => {
        this.closed = true;
        this.#wake();
      });
  }

  static async open(server: Server, credential?: Credential): Promise<RawClient> {
    const {address, port, transport = 'udp', from} = server;
    if (transport === 'udp') {
      const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
      socket.bind(0, from);
      await once(socket, 'listening');
      return new RawClient(server, credential, socket);
    }
    const options = {host: address, port, ...(from === undefined ? {} : {localAddress: from})};
    const tls = {...options, rejectUnauthorized: false, ALPNProtocols: ['stun.turn']};
    const stream = transport === 'tls' ? connectTls(tls) : connectTcp(options);
    stream.setNoDelay(true);
    const signal = AbortSignal.timeout(CONNECT_DEADLINE_MS);
    await once(stream, transport === 'tls' ? 'secureConnect' : 'connect', {signal});
    return new RawClient(server, credential, undefined, stream);
  }

  get local(): {address: string; port: number} {
    if (this.#udp !== undefined) return this.#udp.address();
    return {address: this.#stream!.localAddress!, port: this.#stream!.localPort!};
  }

  get stream(): Socket | undefined {
    return this.#stream;
  }

  get key(): Buffer {
    return longTermKey(this.credential?.username ?? '', this.realm, this.credential?.password ?? '');
  }

  send(bytes: Uint8Array): void {
    if (this.#udp !== undefined) this.#udp.send(bytes, this.server.port, this.server.address);
    else if (!this.#stream!.destroyed) this.#stream!.write(bytes);
  }

  /** The next thing received that `wanted` accepts, or undefined after a silence. */
  async receive<T>(wanted: (bytes: Buffer) => T | undefined, silenceMs = silence.ms): Promise<T | undefined> {
    const deadline = Date.now() + silenceMs;
    for (;;) {
      for (const [i, bytes] of this.#queue.entries()) {
        const found = wanted(bytes);
        if (found === undefined) continue;
        this.#queue.splice(i, 1);
        return found;
      }
      const left = deadline - Date.now();
      if (left <= 0 || this.closed) return undefined;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Sends these bytes and waits for the answer to them, of the same transaction. */
  async exchange(bytes: Buffer, silenceMs = silence.ms): Promise<RawMessage | undefined> {
    this.send(bytes);
    return this.receive((answer) => {
      const message = parse(answer);
      const isAnswer = message?.class === 'success' || message?.class === 'error';
      return isAnswer && message.id.equals(bytes.subarray(8, 20)) ? message : undefined;
    }, silenceMs);
  }

  /** A request without credentials. */
  async ask(
    method: number,
    attributes: readonly Attribute[] = [],
    more: Partial<Build> = {},
  ): Promise<RawMessage | undefined> {
    return this.exchange(build({method, attributes, ...more}));
  }

  /** Learns realm and nonce from a 401, asking again where the server holds back those over UDP. */
  async challenge(): Promise<RawMessage> {
    let answer = await this.ask(METHOD.allocate, [UDP_TRANSPORT]);
    for (let i = 0; i < CHALLENGE_RETRIES && answer === undefined; i += 1) {
      answer = await this.ask(METHOD.allocate, [UDP_TRANSPORT]);
    }
    if (answer?.code !== 401) throw new Error(`not a challenge: ${answer?.code ?? 'no answer'}`);
    this.realm = valueOf(answer, TYPE.realm)?.toString() ?? '';
    this.nonce = valueOf(answer, TYPE.nonce) ?? Buffer.alloc(0);
    return answer;
  }

  /** The bytes of a signed request. */
  signed(method: number, attributes: readonly Attribute[] = [], more: Partial<Build> = {}): Buffer {
    const own: Attribute[] = [
      [TYPE.username, Buffer.from(this.credential?.username ?? '')],
      [TYPE.realm, Buffer.from(this.realm)],
      [TYPE.nonce, this.nonce],
    ];
    return build({method, attributes: [...attributes, ...own], key: this.key, ...more});
  }

  /** A signed request, said again once where the nonce has become stale. */
  async request(
    method: number,
    attributes: readonly Attribute[] = [],
    more: Partial<Build> = {},
  ): Promise<RawMessage | undefined> {
    if (this.realm === '') await this.challenge();
    const answer = await this.exchange(this.signed(method, attributes, more));
    if (answer?.code !== 438) return answer;
    this.nonce = valueOf(answer, TYPE.nonce) ?? this.nonce;
    return this.exchange(this.signed(method, attributes, more));
  }

  async allocate(...attributes: readonly Attribute[]): Promise<RawMessage | undefined> {
    return this.request(METHOD.allocate, [UDP_TRANSPORT, ...attributes]);
  }

  /** An allocation, where anything else would be a failure: its relayed address. */
  async relay(...attributes: readonly Attribute[]): Promise<{address: string; port: number}> {
    const answer = await this.allocate(...attributes);
    const relayed = readXorAddress(valueOf(answer, TYPE.xorRelayedAddress), answer?.id ?? Buffer.alloc(12));
    if (relayed === undefined) throw new Error(`no allocation: ${answer?.code ?? 'no answer'}`);
    return relayed;
  }

  async permit(...peers: readonly {address: string; port?: number}[]): Promise<RawMessage | undefined> {
    return this.withPeers(METHOD.createPermission, peers);
  }

  async bind(channel: number, peer: {address: string; port: number}): Promise<RawMessage | undefined> {
    return this.withPeers(
      METHOD.channelBind,
      [peer],
      [[TYPE.channelNumber, Buffer.of(channel >> 8, channel & 255, 0, 0)]],
    );
  }

  /** A signed request with peer addresses in it. */
  async withPeers(
    method: number,
    peers: readonly {address: string; port?: number}[],
    attributes: readonly Attribute[] = [],
  ): Promise<RawMessage | undefined> {
    const id = randomBytes(12);
    const addresses = peers.map(({address, port = 0}): Attribute => [
      TYPE.xorPeerAddress,
      xorAddress(address, port, id),
    ]);
    return this.request(method, [...attributes, ...addresses], {id});
  }

  async refresh(seconds: number, attributes: readonly Attribute[] = []): Promise<RawMessage | undefined> {
    return this.request(METHOD.refresh, [[TYPE.lifetime, uint32(seconds)], ...attributes]);
  }

  /** A Send indication. */
  sendTo(peer: {address: string; port: number}, payload: Uint8Array): void {
    const id = randomBytes(12);
    const attributes: Attribute[] = [
      [TYPE.xorPeerAddress, xorAddress(peer.address, peer.port, id)],
      [TYPE.data, payload],
    ];
    this.send(build({method: METHOD.send, class: 'indication', id, attributes}));
  }

  /** The next Data indication. */
  async data(): Promise<{payload: Buffer; peer: {address: string; port: number} | undefined} | undefined> {
    return this.receive((bytes) => {
      const message = parse(bytes);
      if (message?.method !== METHOD.data || message.class !== 'indication') return undefined;
      const peer = readXorAddress(valueOf(message, TYPE.xorPeerAddress), message.id);
      return {payload: valueOf(message, TYPE.data) ?? Buffer.alloc(0), peer};
    });
  }

  /** The payload of the next ChannelData on a channel. */
  async channel(channel: number, silenceMs = silence.ms): Promise<Buffer | undefined> {
    return this.receive((bytes) => {
      if (bytes.length < 4 || bytes.readUInt16BE(0) !== channel) return undefined;
      return bytes.subarray(4, 4 + bytes.readUInt16BE(2));
    }, silenceMs);
  }

  /** Gives an allocation back first: whoever comes from the same port next must not find it. */
  close(): void {
    this.#stream?.destroy();
    if (this.nonce.length === 0) this.#udp?.close();
    else {
      const goodbye = this.signed(METHOD.refresh, [[TYPE.lifetime, uint32(0)]]);
      this.#udp?.send(goodbye, this.server.port, this.server.address, () => this.#udp?.close());
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #frames(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    for (;;) {
      if (this.#rest.length < 4) return;
      const length = this.#rest.readUInt16BE(2);
      const isChannel = this.#rest[0]! >= 0x40;
      const size = isChannel ? 4 + length + (-length & 3) : 20 + length;
      if (this.#rest.length < size) return;
      this.#add(this.#rest.subarray(0, size));
      this.#rest = this.#rest.subarray(size);
    }
  }

  #add(bytes: Buffer): void {
    this.#queue.push(bytes);
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
