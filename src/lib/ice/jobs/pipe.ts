import {once} from 'node:events';
import type {Readable, Writable} from 'node:stream';

import type {IceStream} from '../stream.ts';

/** What comes in goes to the other side, and what it says comes out, until both have ended. */
export async function runPipe(stream: IceStream, input: Readable, output: Writable): Promise<void> {
  const outwards = async (): Promise<void> => {
    for await (const chunk of input as AsyncIterable<Buffer | string>) await stream.write(Buffer.from(chunk));
    stream.end();
  };
  const inwards = async (): Promise<void> => {
    for await (const chunk of stream) if (!output.write(chunk)) await once(output, 'drain');
  };
  await Promise.all([outwards(), inwards()]);
}
