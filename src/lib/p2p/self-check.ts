import {once} from 'node:events';
import {connect} from 'node:net';

/** multistream-select 1.0.0 (multiformats/multistream-select): every line is preceded by its length. */
const HEADER = line('/multistream/1.0.0\n');
const OFFER = line('/tls/1.0.0\n');

/**
 * Connects to one of our own TCP sockets as a stranger would, up to the choice of encryption: libp2p refuses to dial
 * itself. Rejects when nobody, or somebody else, answers.
 */
export async function checkSocket(host: string, port: number, signal: AbortSignal): Promise<void> {
  const socket = connect({host, port, signal});
  try {
    await once(socket, 'connect', {signal});
    socket.write(Buffer.concat([HEADER, OFFER]));
    const expected = Buffer.concat([HEADER, OFFER]);
    let answer = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length >= expected.length) break;
    }
    if (!answer.subarray(0, expected.length).equals(expected)) throw new Error('the connection was refused');
  } finally {
    socket.destroy();
  }
}

function line(text: string): Buffer {
  return Buffer.concat([Buffer.of(text.length), Buffer.from(text)]);
}
