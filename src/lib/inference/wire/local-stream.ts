import {StreamCloseEvent, StreamMessageEvent} from '@libp2p/interface';
import type {MessageStreamStatus} from '@libp2p/interface';

import type {ByteStream} from './stream-link.ts';

/** One end of a stream inside this process: a node can't dial itself, yet may use what it provides. */
class LocalStream extends EventTarget {
  status: MessageStreamStatus = 'open';
  /** What is sent is taken at once, so there is never anything to drain. */
  readonly writableNeedsDrain = false;
  maxWriteBufferLength = Infinity;
  other: LocalStream | undefined;

  send(data: Uint8Array): boolean {
    const {other} = this;
    if (this.status !== 'open' || other === undefined) throw new Error('the stream is closed');
    setImmediate(() => {
      if (other.status === 'open') other.dispatchEvent(new StreamMessageEvent(data));
    });
    return true;
  }

  close(): Promise<void> {
    // After what was sent before.
    setImmediate(() => this.#end());
    return Promise.resolve();
  }

  abort(_reason: Error): void {
    this.#end();
  }

  #end(): void {
    for (const end of [this, this.other]) {
      if (end === undefined || end.status !== 'open') continue;
      end.status = 'closed';
      end.dispatchEvent(new StreamCloseEvent());
    }
  }
}

/** Two ends; what one sends the other receives in a later turn of the event loop. */
export function localStreamPair(): [ByteStream, ByteStream] {
  const [one, other] = [new LocalStream(), new LocalStream()];
  one.other = other;
  other.other = one;
  return [one, other];
}
