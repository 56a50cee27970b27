import {once} from 'node:events';
import {connect} from 'node:net';

import type {Libp2p} from '@libp2p/interface';
import {multiaddr} from '@multiformats/multiaddr';

/** For as many nodes of a network as are asked at once, with all their addresses. */
const MAX_DIALS = 1_000;

/**
 * Dials multiaddrs with a throw-away identity and finds out whether the peer they name is there. A libp2p node joins
 * dials to one peer into one, which the first address that answers decides; so there is a node for each address of a
 * peer that is being dialled.
 */
export class Dialler {
  readonly #hasQuic: boolean;
  readonly #open: () => Promise<Libp2p>;
  readonly #nodes: Promise<Libp2p>[] = [];
  /** Nodes that dial a peer at the moment. */
  readonly #busy = new Map<string, Set<Promise<Libp2p>>>();

  private constructor(open: () => Promise<Libp2p>, hasQuic: boolean) {
    this.#open = open;
    this.#hasQuic = hasQuic;
  }

  /** TCP, WebSocket and QUIC, as bootstraps and relays are published; QUIC where its native part is there. */
  static async open(): Promise<Dialler> {
    const [{createLibp2p}, {tcp}, {webSockets}, {yamux}, {tls}, {noise}, quic] = await Promise.all([
      import('libp2p'),
      import('@libp2p/tcp'),
      import('@libp2p/websockets'),
      import('@libp2p/yamux'),
      import('@libp2p/tls'),
      import('@libp2p/noise'),
      import('@chainsafe/libp2p-quic').catch(() => undefined),
    ]);
    const open = (): Promise<Libp2p> =>
      createLibp2p({
        transports: [tcp(), webSockets(), ...(quic === undefined ? [] : [quic.quic()])],
        streamMuxers: [yamux()],
        connectionEncrypters: [tls(), noise()],
        connectionManager: {maxParallelDials: MAX_DIALS, maxDialQueueLength: MAX_DIALS},
      });
    return new Dialler(open, quic !== undefined);
  }

  /** Whether there is a transport for it on this machine. */
  canDial(address: string): boolean {
    return this.#hasQuic || !address.includes('/quic');
  }

  /** How long it took in ms until the peer had proved its id. Rejects with libp2p's error, or the signal's reason. */
  async dial(address: string, signal: AbortSignal): Promise<number> {
    const peer = address.slice(address.lastIndexOf('/') + 1);
    const busy = this.#busy.get(peer) ?? new Set();
    this.#busy.set(peer, busy);
    const idle = this.#nodes.find((each) => !busy.has(each)) ?? this.#another();
    busy.add(idle);
    try {
      const node = await idle;
      const start = performance.now();
      const connection = await node.dial(multiaddr(address), {signal, force: true});
      const elapsedMs = Math.round((performance.now() - start) * 10) / 10;
      await connection.close({signal}).catch(() => connection.abort(new Error('not closed in time')));
      return elapsedMs;
    } catch (error) {
      throw error instanceof Event ? await reasonOf(address, signal) : error;
    } finally {
      busy.delete(idle);
      if (busy.size === 0) this.#busy.delete(peer);
    }
  }

  async close(): Promise<void> {
    for (const node of this.#nodes) await (await node).stop();
  }

  #another(): Promise<Libp2p> {
    const node = this.#open();
    this.#nodes.push(node);
    return node;
  }
}

/** A WebSocket only tells that it failed; whether anybody listens there is found out without it. */
async function reasonOf(address: string, signal: AbortSignal): Promise<unknown> {
  const [host, tcp] = multiaddr(address).getComponents();
  const socket = connect({host: host?.value ?? '', port: Number(tcp?.value), signal});
  try {
    await once(socket, 'connect');
    return new Error('no WebSocket of libp2p answers there');
  } catch (error) {
    return error;
  } finally {
    socket.destroy();
  }
}
