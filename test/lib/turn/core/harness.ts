import {writeAddressFamily, writeRequestedTransport} from '../../../../src/lib/stun/attributes.ts';
import {readErrorCode} from '../../../../src/lib/stun/error-code.ts';
import {longTermKey, verifyIntegrity} from '../../../../src/lib/stun/integrity.ts';
import type {IntegrityAlgorithm, PasswordAlgorithm} from '../../../../src/lib/stun/integrity.ts';
import {MessageBuilder, newTransactionId} from '../../../../src/lib/stun/message-builder.ts';
import {decodeMessage, readUint32} from '../../../../src/lib/stun/message.ts';
import type {StunMessage} from '../../../../src/lib/stun/message.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../../../../src/lib/stun/types.ts';
import {readXorAddress, writeXorAddress} from '../../../../src/lib/stun/xor-address.ts';
import {ipText} from '../../../../src/lib/core/ip-address.ts';
import type {Admission, ClientTransport} from '../../../../src/lib/turn/core/io.ts';
import {ADMISSION_LIMITS, LocalAdmission} from '../../../../src/lib/turn/core/local-admission.ts';
import type {TurnCoreOptions} from '../../../../src/lib/turn/core/options.ts';
import {TurnCore} from '../../../../src/lib/turn/core/turn-core.ts';
import {writeChannelNumber} from '../../../support/stun-attributes.ts';
import type {FakeSocket} from './fakes.ts';
import {endpoint, FakeIo, FakePath, RELAY4, RELAY6} from './fakes.ts';

export const REALM = 't.example';
export const USER = 'ann';
export const PASSWORD = 'correct horse';
/** Public addresses, for the rules of documentation ranges do not let them pass as peers. */
export const PEER = '8.8.4.4';
export const PEER6 = '2a00:1450::1';

export type Attribute = readonly [type: number, value: Uint8Array];

/** Lets promises that are due run. */
export const settle = async (): Promise<void> => {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
};

export interface WorldOptions extends Partial<TurnCoreOptions> {
  admission?: Admission;
  admissionLimits?: Partial<typeof ADMISSION_LIMITS>;
}

export class World {
  nowMs = 1_000_000;
  wallMs = Date.UTC(2030, 0, 1);
  readonly io = new FakeIo();
  readonly admission: LocalAdmission;
  readonly core: TurnCore;
  readonly clients = new Set<Client>();

  constructor({admission, admissionLimits, ...options}: WorldOptions = {}) {
    this.admission = new LocalAdmission({...ADMISSION_LIMITS, ...admissionLimits}, () => this.nowMs);
    this.core = new TurnCore(
      {
        realm: REALM,
        secrets: [],
        users: new Map([[USER, PASSWORD]]),
        nonceKey: Buffer.alloc(32, 7),
        peers: {allow: [], deny: [], ownRelays: [RELAY4, RELAY6], relayPorts: [50_000, 50_099]},
        wallClockMs: () => this.wallMs,
        ...options,
      },
      this.io,
      admission ?? this.admission,
    );
  }

  /** Time passes, with a tick each second as the I/O side gives them. */
  async advance(ms: number): Promise<void> {
    const end = this.nowMs + ms;
    const step = Math.max(1000, ms / 1000);
    while (this.nowMs < end) {
      const by = Math.min(step, end - this.nowMs);
      this.nowMs += by;
      this.wallMs += by;
      this.core.tick(this.nowMs);
    }
    await settle();
  }

  client(options: Partial<ClientOptions> = {}): Client {
    const client = new Client(this, {
      transport: 'udp',
      address: '203.0.113.9',
      port: 40_000 + this.clients.size,
      user: USER,
      password: PASSWORD,
      ...options,
    });
    this.clients.add(client);
    return client;
  }
}

export interface ClientOptions {
  transport: ClientTransport;
  address: string;
  port: number;
  user: string;
  password: string;
}

/** An answer, taken apart. */
export interface Answer {
  bytes: Buffer;
  message: StunMessage;
  code: number;
  signed: boolean;
}

export class Client {
  readonly world: World;
  readonly path: FakePath;
  user: string;
  password: string;
  nonce: Uint8Array | undefined;
  integrity: IntegrityAlgorithm = 'sha1';
  keyAlgorithm: PasswordAlgorithm = 'md5';
  /** Put into each request before the integrity. */
  extra: Attribute[] = [];

  constructor(world: World, options: ClientOptions) {
    this.world = world;
    this.path = new FakePath(options.transport, endpoint(options.address, options.port));
    this.user = options.user;
    this.password = options.password;
  }

  get key(): Buffer {
    return longTermKey(this.user, REALM, this.password, this.keyAlgorithm);
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    const lent = Buffer.from(bytes);
    this.world.core.fromClient(this.path, lent, this.world.nowMs);
    // What is read into is used again at once.
    lent.fill(0xdd);
  }

  /** A request, signed once there is a nonce. */
  build(method: number, attributes: readonly Attribute[], transactionId: Uint8Array = newTransactionId()): Buffer {
    const builder = new MessageBuilder(method, CLASS.request, transactionId);
    for (const [type, value] of attributes) builder.add(type, value);
    if (this.nonce !== undefined) {
      builder.add(ATTRIBUTE.username, this.user).add(ATTRIBUTE.realm, REALM).add(ATTRIBUTE.nonce, this.nonce);
      for (const [type, value] of this.extra) builder.add(type, value);
      builder.integrity(this.key, this.integrity);
    }
    return Buffer.from(builder.build());
  }

  /** Sends bytes and takes the one answer; undefined when there is none. */
  async ask(bytes: Uint8Array): Promise<Answer | undefined> {
    this.path.sent = [];
    this.raw(bytes);
    await settle();
    if (this.path.sent.length > 1) throw new Error('more than one answer');
    const [sent] = this.path.sent;
    return sent === undefined ? undefined : this.read(sent);
  }

  read(bytes: Buffer): Answer {
    const message = decodeMessage(bytes);
    if (message === undefined) throw new Error('the answer is not STUN');
    const error = message.attribute(ATTRIBUTE.errorCode);
    const code = error === undefined ? 0 : (readErrorCode(error)?.code ?? -1);
    return {bytes, message, code, signed: verifyIntegrity(message, this.key, this.integrity)};
  }

  async request(method: number, attributes: readonly Attribute[], transactionId?: Uint8Array): Promise<Answer> {
    if (this.nonce === undefined) await this.learnNonce();
    const answer = await this.ask(this.build(method, attributes, transactionId));
    if (answer === undefined) throw new Error('no answer');
    return answer;
  }

  /** The first step: an Allocate without credentials. */
  async learnNonce(): Promise<Answer> {
    this.nonce = undefined;
    const answer = await this.ask(this.build(METHOD.allocate, [udp]));
    if (answer === undefined) throw new Error('no challenge');
    this.nonce = Uint8Array.from(answer.message.attribute(ATTRIBUTE.nonce) ?? []);
    return answer;
  }

  async allocate(attributes: readonly Attribute[] = [], transactionId?: Uint8Array): Promise<Answer> {
    return this.request(METHOD.allocate, [udp, ...attributes], transactionId);
  }

  /** An allocation that is there, and its socket. */
  async allocated(attributes: readonly Attribute[] = []): Promise<FakeSocket> {
    const answer = await this.allocate(attributes);
    if (answer.code !== 0) throw new Error(`Allocate was answered with ${answer.code}`);
    return this.socketOf(answer);
  }

  socketOf(answer: Answer): FakeSocket {
    const relayed = relayedOf(answer);
    const socket = this.world.io.open.get(relayed);
    if (socket === undefined) throw new Error(`no socket ${relayed}`);
    return socket;
  }

  async refresh(seconds?: number, attributes: readonly Attribute[] = []): Promise<Answer> {
    return this.request(METHOD.refresh, [...(seconds === undefined ? [] : [lifetime(seconds)]), ...attributes]);
  }

  async permit(...addresses: string[]): Promise<Answer> {
    const id = newTransactionId();
    return this.request(
      METHOD.createPermission,
      addresses.map((address) => peer(address, 1, id)),
      id,
    );
  }

  async bind(channel: number, address: string, port: number): Promise<Answer> {
    const id = newTransactionId();
    return this.request(
      METHOD.channelBind,
      [[ATTRIBUTE.channelNumber, writeChannelNumber(channel)], peer(address, port, id)],
      id,
    );
  }

  sendIndication(address: string, port: number, data: Uint8Array, attributes: readonly Attribute[] = []): void {
    const id = newTransactionId();
    const builder = new MessageBuilder(METHOD.send, CLASS.indication, id);
    for (const [type, value] of [peer(address, port, id), ...attributes, [ATTRIBUTE.data, data] as const])
      builder.add(type, value);
    this.raw(builder.build());
  }

  channelData(channel: number, data: Uint8Array): void {
    this.raw(channelData(channel, data));
  }

  /** What comes from a peer to the relay socket; gives what the client then gets. */
  fromPeer(socket: FakeSocket, address: string, port: number, data: Uint8Array): Buffer | undefined {
    this.path.sent = [];
    const lent = Buffer.from(data);
    this.world.core.fromPeer(socket, endpoint(address, port), lent, this.world.nowMs);
    lent.fill(0xdd);
    return this.path.sent[0];
  }
}

export const udp: Attribute = [ATTRIBUTE.requestedTransport, writeRequestedTransport(17)];
export const family = (value: 4 | 6): Attribute => [ATTRIBUTE.requestedAddressFamily, writeAddressFamily(value)];
export const additional: Attribute = [ATTRIBUTE.additionalAddressFamily, writeAddressFamily(6)];

export function lifetime(seconds: number): Attribute {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(seconds);
  return [ATTRIBUTE.lifetime, value];
}

export function peer(address: string, port: number, transactionId: Uint8Array): Attribute {
  return [ATTRIBUTE.xorPeerAddress, writeXorAddress(endpoint(address, port), transactionId)];
}

export function channelData(channel: number, data: Uint8Array): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16BE(channel);
  header.writeUInt16BE(data.length, 2);
  return Buffer.concat([header, data]);
}

/** `address|port` of XOR-RELAYED-ADDRESS. */
export function relayedOf({message}: Answer): string {
  const value = message.attribute(ATTRIBUTE.xorRelayedAddress);
  const address = value === undefined ? undefined : readXorAddress(value, message.transactionId);
  if (address === undefined) throw new Error('no relayed address');
  return `${ipText(address.bytes)}|${address.port}`;
}

export function lifetimeOf({message}: Answer): number {
  const value = message.attribute(ATTRIBUTE.lifetime);
  return value === undefined ? -1 : readUint32(value, 0);
}
