import type {MessagePort} from 'node:worker_threads';

import type {UdpPath} from './engine.ts';

type SiblingMessage =
  | {type: 'held'; keys: string[]}
  | {type: 'released'; key: string}
  | {type: 'datagram'; local: string; address: string; port: number; bytes: Uint8Array};

export interface HandedOver {
  /** Key of the listener's endpoint. */
  local: string;
  address: string;
  port: number;
  bytes: Uint8Array;
}

/**
 * What the workers of one server tell each other. The kernel spreads remotes over the sockets that share a port; when a
 * worker dies or comes back it spreads them anew, and packets of a live allocation come to a worker that doesn't know
 * it. Each knows which 5-tuples the others hold, and hands such a packet over instead of answering 437.
 */
export class Siblings {
  readonly #onDatagram: (datagram: HandedOver) => void;
  readonly #ports = new Set<MessagePort>();
  readonly #own = new Set<string>();
  readonly #owners = new Map<string, MessagePort>();

  constructor(onDatagram: (datagram: HandedOver) => void) {
    this.#onDatagram = onDatagram;
  }

  add(port: MessagePort): void {
    this.#ports.add(port);
    port.on('message', (message: SiblingMessage) => this.#take(port, message));
    port.once('close', () => this.#remove(port));
    port.postMessage({type: 'held', keys: [...this.#own]} satisfies SiblingMessage);
  }

  heldChanged(path: UdpPath): void {
    const key = keyOf(path);
    if (path.held) this.#own.add(key);
    else this.#own.delete(key);
    const message: SiblingMessage = path.held ? {type: 'held', keys: [key]} : {type: 'released', key};
    for (const port of this.#ports) port.postMessage(message);
  }

  /** Whether a sibling holds this path; then the packet is on its way there. */
  handOver(path: UdpPath, bytes: Uint8Array): boolean {
    if (this.#owners.size === 0) return false;
    const owner = this.#owners.get(keyOf(path));
    if (owner === undefined) return false;
    const {address, port} = path.remote;
    const copy = Uint8Array.from(bytes);
    owner.postMessage({type: 'datagram', local: path.local.key, address, port, bytes: copy} satisfies SiblingMessage);
    return true;
  }

  close(): void {
    for (const port of this.#ports) port.close();
  }

  #take(port: MessagePort, message: SiblingMessage): void {
    if (message.type === 'datagram') this.#onDatagram(message);
    else if (message.type === 'held') for (const key of message.keys) this.#owners.set(key, port);
    else if (this.#owners.get(message.key) === port) this.#owners.delete(message.key);
  }

  #remove(port: MessagePort): void {
    this.#ports.delete(port);
    for (const [key, owner] of this.#owners) if (owner === port) this.#owners.delete(key);
  }
}

function keyOf({local, remote}: UdpPath): string {
  return `${local.key} ${remote.key}`;
}
