import {once} from 'node:events';
import {connect, createServer, type AddressInfo, type Server, type Socket} from 'node:net';

import {explainListenError} from '../../service/listen-errors.ts';
import type {IceConnection} from '../connection.ts';
import type {IceStream} from '../stream.ts';
import type {JobHeader} from './job.ts';

/** `8080:localhost:80`: our port, and where its connections go as seen from the other side. */
export interface Forward {
  /** 0 for any. */
  localPort: number;
  host: string;
  port: number;
}

export interface OpenForward extends Forward {
  close(): void;
}

const LOOPBACK = '127.0.0.1';
const CONNECT_DEADLINE_MS = 10_000;

/** Listens on loopback; each connection there becomes a stream to the other side. Errors: those of `explainListenError`. */
export async function openForward(connection: () => IceConnection, forward: Forward): Promise<OpenForward> {
  const server = createServer({allowHalfOpen: true}, (socket) => {
    try {
      const stream = connection().openStream({kind: 'forward', host: forward.host, port: forward.port});
      join(socket, stream);
    } catch {
      socket.destroy();
    }
  });
  await listen(server, forward);
  const {port: localPort} = server.address() as AddressInfo;
  return {...forward, localPort, close: () => void server.close()};
}

/** What the other side asks for, if it is allowed. @param allowed `host:port`, as they were given */
export function serveForward(
  stream: IceStream,
  {host, port}: Extract<JobHeader, {kind: 'forward'}>,
  allowed: ReadonlySet<string>,
): void {
  // By the text: what a name resolves to is for its owner, who has allowed the name.
  if (!allowed.has(`${host.toLowerCase()}:${port}`)) {
    stream.reset(`${host}:${port} is not allowed; the other side needs --allow ${host}:${port}`);
    return;
  }
  const socket = connect({host, port, allowHalfOpen: true});
  socket.setTimeout(CONNECT_DEADLINE_MS, () => socket.destroy(new Error('it does not answer')));
  socket.once('connect', () => socket.setTimeout(0));
  join(socket, stream);
}

/** Each end of a direction and each failure is passed on; neither side is read faster than the other takes it. */
function join(socket: Socket, stream: IceStream): void {
  socket.setNoDelay(true);
  socket.on('error', (error) => stream.reset(error.message));
  socket.once('close', () => stream.reset('the connection was closed'));
  const inwards = async (): Promise<void> => {
    for await (const chunk of stream) {
      if (!socket.write(chunk) && !socket.destroyed) await drained(socket);
      if (socket.destroyed) return;
    }
    socket.end();
  };
  const outwards = async (): Promise<void> => {
    for await (const chunk of socket as AsyncIterable<Buffer>) await stream.write(chunk);
    stream.end();
  };
  inwards().catch(() => socket.destroy());
  outwards().catch(() => socket.destroy());
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}

async function listen(server: Server, {localPort, host, port}: Forward): Promise<void> {
  server.listen(localPort, LOOPBACK);
  try {
    await once(server, 'listening');
  } catch (error) {
    const flag = (to: number): string => `--forward ${to}:${host}:${port}`;
    throw await explainListenError(error, {transport: 'tcp', host: LOOPBACK, port: localPort, flag});
  }
}
