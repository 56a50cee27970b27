import type {Libp2p} from '@libp2p/interface';
import {multiaddr} from '@multiformats/multiaddr';

/** Dials multiaddrs with a throw-away identity and finds out whether the peer they name is there. */
export class Dialler {
  readonly #node: Libp2p;

  private constructor(node: Libp2p) {
    this.#node = node;
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
    const node = await createLibp2p({
      transports: [tcp(), webSockets(), ...(quic === undefined ? [] : [quic.quic()])],
      streamMuxers: [yamux()],
      connectionEncrypters: [tls(), noise()],
    });
    return new Dialler(node);
  }

  /** How long it took in ms until the peer had proved its id. Rejects with libp2p's error, or the signal's reason. */
  async dial(address: string, signal: AbortSignal): Promise<number> {
    const start = performance.now();
    const connection = await this.#node.dial(multiaddr(address), {signal, force: true});
    const elapsedMs = Math.round((performance.now() - start) * 10) / 10;
    await connection.close({signal}).catch(() => connection.abort(new Error('not closed in time')));
    return elapsedMs;
  }

  async close(): Promise<void> {
    await this.#node.stop();
  }
}
