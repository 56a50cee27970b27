import {writeRequestedTransport, TRANSPORT_UDP} from '../../../../src/lib/stun/attributes.ts';
import {readErrorCode} from '../../../../src/lib/stun/error-code.ts';
import {longTermKey} from '../../../../src/lib/stun/integrity.ts';
import {MessageBuilder} from '../../../../src/lib/stun/message-builder.ts';
import {decodeMessage} from '../../../../src/lib/stun/message.ts';
import type {StunMessage} from '../../../../src/lib/stun/message.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../../../../src/lib/stun/types.ts';
import {readXorAddress, writeXorAddress} from '../../../../src/lib/stun/xor-address.ts';
import {ipText, parseIp} from '../../../../src/lib/core/ip-address.ts';
import {writeChannelNumber} from '../../../support/stun-attributes.ts';
import {ClientConnection} from './client-connection.ts';
import type {ConnectionOptions} from './client-connection.ts';

export interface Address {
  address: string;
  port: number;
}

export interface TestClientOptions extends Omit<ConnectionOptions, 'signal'> {
  username?: string;
  password?: string;
  timeoutMs?: number;
}

/** A TURN client for tests: one allocation over UDP, TCP or TLS; errors are numbers, not exceptions. */
export class TurnClient {
  readonly connection: ClientConnection;
  readonly #options: TestClientOptions;
  readonly #received: {from: number | Address; data: Buffer}[] = [];
  #wake: () => void = () => undefined;
  #realm = Buffer.alloc(0);
  #nonce = Buffer.alloc(0);

  constructor(connection: ClientConnection, options: TestClientOptions) {
    this.connection = connection;
    this.#options = options;
    connection.onOther = (bytes) => this.#take(bytes);
  }

  static async connect(options: TestClientOptions): Promise<TurnClient> {
    const signal = AbortSignal.timeout(options.timeoutMs ?? 20_000);
    return new TurnClient(await ClientConnection.open({...options, signal}), options);
  }

  async binding(): Promise<Address | number> {
    const answer = await this.connection.request(new MessageBuilder(METHOD.binding, CLASS.request).build());
    return addressIn(answer, ATTRIBUTE.xorMappedAddress);
  }

  /** The relayed address, or the code of the error. */
  async allocate({family = 4, even}: {family?: 4 | 6; even?: 'even' | 'pair'} = {}): Promise<Address | number> {
    const build = (): MessageBuilder => {
      const request = new MessageBuilder(METHOD.allocate, CLASS.request);
      request.add(ATTRIBUTE.requestedTransport, writeRequestedTransport(TRANSPORT_UDP));
      if (family === 6) request.add(ATTRIBUTE.requestedAddressFamily, Uint8Array.of(2, 0, 0, 0));
      if (even !== undefined) request.add(ATTRIBUTE.evenPort, Uint8Array.of(even === 'pair' ? 0x80 : 0));
      return request;
    };
    return addressIn(await this.request(build), ATTRIBUTE.xorRelayedAddress);
  }

  /** 0 when it was done. */
  async refresh(lifetimeSeconds: number): Promise<number> {
    return codeOf(
      await this.request(() =>
        new MessageBuilder(METHOD.refresh, CLASS.request).addUint32(ATTRIBUTE.lifetime, lifetimeSeconds),
      ),
    );
  }

  async permit(peer: Address): Promise<number> {
    return codeOf(
      await this.request(() => {
        const request = new MessageBuilder(METHOD.createPermission, CLASS.request);
        return request.add(ATTRIBUTE.xorPeerAddress, xor(peer, idOf(request)));
      }),
    );
  }

  async bind(channel: number, peer: Address): Promise<number> {
    return codeOf(
      await this.request(() => {
        const request = new MessageBuilder(METHOD.channelBind, CLASS.request);
        request.add(ATTRIBUTE.channelNumber, writeChannelNumber(channel));
        return request.add(ATTRIBUTE.xorPeerAddress, xor(peer, idOf(request)));
      }),
    );
  }

  /** Over a channel, or as a Send indication. */
  send(to: number | Address, data: Uint8Array): void {
    if (typeof to === 'number') {
      const padding = this.#options.transport === 'udp' ? 0 : -data.length & 3;
      const frame = Buffer.alloc(4 + data.length + padding);
      frame.writeUInt16BE(to, 0);
      frame.writeUInt16BE(data.length, 2);
      frame.set(data, 4);
      this.connection.send(frame);
      return;
    }
    const indication = new MessageBuilder(METHOD.send, CLASS.indication);
    indication.add(ATTRIBUTE.xorPeerAddress, xor(to, idOf(indication))).add(ATTRIBUTE.data, data);
    this.connection.send(indication.build());
  }

  /** The next data from a peer: the channel it came over, or its address. */
  async receive(timeoutMs = 5_000): Promise<{from: number | Address; data: Buffer}> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const next = this.#received.shift();
      if (next !== undefined) return next;
      if (performance.now() > deadline) throw new Error('nothing came');
      const {promise, resolve} = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, Math.max(1, deadline - performance.now()));
      await promise;
      clearTimeout(timer);
    }
  }

  /** Signed; a 401 or 438 is followed once. */
  async request(build: () => MessageBuilder): Promise<StunMessage> {
    const answer = await this.connection.request((this.#nonce.length === 0 ? build() : this.#sign(build())).build());
    const code = codeOf(answer);
    if ((code !== 401 && code !== 438) || this.#options.username === undefined) return answer;
    this.#realm = Buffer.from(answer.attribute(ATTRIBUTE.realm) ?? []);
    this.#nonce = Buffer.from(answer.attribute(ATTRIBUTE.nonce) ?? []);
    return this.connection.request(this.#sign(build()).build());
  }

  close(): void {
    this.connection.close();
  }

  #sign(request: MessageBuilder): MessageBuilder {
    const {username = '', password = ''} = this.#options;
    return request
      .add(ATTRIBUTE.username, username)
      .add(ATTRIBUTE.realm, this.#realm)
      .add(ATTRIBUTE.nonce, this.#nonce)
      .integrity(longTermKey(username, this.#realm.toString(), password, 'md5'), 'sha1');
  }

  #take(bytes: Buffer): void {
    if ((bytes[0] ?? 0) >= 0x40) {
      const length = bytes.readUInt16BE(2);
      this.#received.push({from: bytes.readUInt16BE(0), data: bytes.subarray(4, 4 + length)});
    } else {
      const message = decodeMessage(bytes);
      const peer = message?.attribute(ATTRIBUTE.xorPeerAddress);
      const data = message?.attribute(ATTRIBUTE.data);
      if (message === undefined || peer === undefined || data === undefined) return;
      this.#received.push({from: plain(readXorAddress(peer, message.transactionId)!), data: Buffer.from(data)});
    }
    this.#wake();
  }
}

/** 0 for a success response. */
export function codeOf(answer: StunMessage): number {
  if (answer.class === CLASS.success) return 0;
  return readErrorCode(answer.attribute(ATTRIBUTE.errorCode)!)!.code;
}

function addressIn(answer: StunMessage, type: number): Address | number {
  const code = codeOf(answer);
  if (code !== 0) return code;
  return plain(readXorAddress(answer.attribute(type)!, answer.transactionId)!);
}

function plain({bytes, port}: {bytes: Uint8Array; port: number}): Address {
  return {address: ipText(bytes), port};
}

function idOf(request: MessageBuilder): Uint8Array {
  return request.build().subarray(8, 20);
}

function xor({address, port}: Address, transactionId: Uint8Array): Buffer {
  return writeXorAddress({...parseIp(address)!, port}, transactionId);
}
