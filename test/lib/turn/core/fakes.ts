import type {Endpoint} from '../../../../src/lib/stun/endpoint.ts';
import {ipText, parseIp} from '../../../../src/lib/core/ip-address.ts';
import type {ClientPath, ClientTransport, RelayRequest, RelaySocket, TurnIo} from '../../../../src/lib/turn/core/io.ts';
import {RelayError} from '../../../../src/lib/turn/core/io.ts';

export const RELAY4 = '198.51.100.1';
export const RELAY6 = '2001:db8:1::1';

export function endpoint(address: string, port: number): Endpoint {
  const parsed = parseIp(address);
  if (parsed === undefined) throw new Error(`not an address: ${address}`);
  return {family: parsed.family, address, port, bytes: parsed.bytes, key: `${address}|${port}`};
}

export class FakePath implements ClientPath {
  readonly transport: ClientTransport;
  readonly local = endpoint(RELAY4, 3478);
  readonly remote: Endpoint;
  sent: Buffer[] = [];
  held = false;

  constructor(transport: ClientTransport, remote: Endpoint) {
    this.transport = transport;
    this.remote = remote;
  }

  send(first: Uint8Array, second: Uint8Array = Buffer.alloc(0)): void {
    this.sent.push(Buffer.concat([first, second]));
  }

  hold(held: boolean): void {
    this.held = held;
  }
}

export class FakeSocket implements RelaySocket {
  readonly relayed: Endpoint;
  owner: unknown;
  sent: {peer: Endpoint; bytes: Buffer}[] = [];
  closing = false;
  readonly #onClose: () => Promise<void>;

  constructor(relayed: Endpoint, onClose: () => Promise<void>) {
    this.relayed = relayed;
    this.#onClose = onClose;
  }

  send(to: Endpoint, bytes: Uint8Array): void {
    if (this.closing) throw new Error('sent on a closed socket');
    this.sent.push({peer: to, bytes: Buffer.from(bytes)});
  }

  async close(): Promise<void> {
    if (this.closing) throw new Error('closed twice');
    this.closing = true;
    await this.#onClose();
  }
}

/** Relay sockets on ports 50000 to 50099 of each family, opened and closed as slowly as a test likes. */
export class FakeIo implements TurnIo {
  readonly open = new Map<string, FakeSocket>();
  readonly #endpoints = new Map<string, Endpoint>();
  families: readonly (4 | 6)[] = [4, 6];
  /** Texts of addresses that the machine has. */
  readonly own = new Set<string>();
  ports = 100;
  opened = 0;
  beforeOpen: () => Promise<void> = async () => {};
  beforeClosed: () => Promise<void> = async () => {};

  async openRelay({
    family,
    even,
    pair,
  }: RelayRequest): Promise<readonly [RelaySocket] | readonly [RelaySocket, RelaySocket]> {
    await this.beforeOpen();
    if (!this.families.includes(family)) throw new RelayError(440, 'no such family');
    const address = family === 4 ? RELAY4 : RELAY6;
    const free = (port: number): boolean => port < 50_000 + this.ports && !this.open.has(endpoint(address, port).key);
    for (let port = 50_000; port < 50_000 + this.ports; port += even ? 2 : 1) {
      if (!free(port) || (pair && !free(port + 1))) continue;
      return pair ? [this.#socket(address, port), this.#socket(address, port + 1)] : [this.#socket(address, port)];
    }
    throw new RelayError(508, 'no port is free');
  }

  endpoint(bytes: Uint8Array, port: number): Endpoint {
    const address = ipText(bytes);
    const key = `${address}|${port}`;
    const known = this.#endpoints.get(key);
    if (known !== undefined) return known;
    const made = {family: bytes.length === 4 ? 4 : 6, address, port, bytes: Uint8Array.from(bytes), key} as const;
    this.#endpoints.set(key, made);
    return made;
  }

  isOwn(address: Uint8Array): boolean {
    return this.own.has(ipText(address));
  }

  #socket(address: string, port: number): FakeSocket {
    const relayed = endpoint(address, port);
    const socket = new FakeSocket(relayed, async () => {
      await this.beforeClosed();
      this.open.delete(relayed.key);
    });
    this.open.set(relayed.key, socket);
    this.opened += 1;
    return socket;
  }
}

/** Something that waits until it is let go. */
export function gate(): {wait: () => Promise<void>; open: () => void} {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {wait: async () => opened, open: () => open()};
}
