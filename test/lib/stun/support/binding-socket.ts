import type {Socket} from 'node:dgram';
import {createSocket} from 'node:dgram';
import {once} from 'node:events';

import {answerBinding} from '../../../../src/lib/stun/binding-server.ts';
import type {AnswerFrom, BindingOrigins} from '../../../../src/lib/stun/binding-server.ts';
import type {Endpoint} from '../../../../src/lib/stun/endpoint.ts';
import {createEndpoint, parseEndpoint} from '../../../../src/lib/stun/endpoint.ts';
import {decodeMessage} from '../../../../src/lib/stun/message.ts';

export interface BindingServerOptions {
  addresses?: readonly [string] | readonly [string, string];
  /** How a client appears to the server: what a NAT in between makes of it. */
  seenAs?: (remote: Endpoint, server: Endpoint) => Endpoint;
  /** What a firewall in between does to answers. */
  passes?: (answer: Endpoint, asked: Endpoint) => boolean;
  /** Says nothing of RFC 5780, and takes no CHANGE-REQUEST. */
  plain?: boolean;
}

/** A real Binding server on one port, or on two addresses with two ports each (RFC 5780). */
export async function startBindingServer(options: BindingServerOptions = {}) {
  const {addresses = ['127.0.0.1'], seenAs = (remote) => remote, passes = () => true, plain = false} = options;
  const [first, second] = addresses;
  const primary = await bind(first, 0);
  const port = primary.address().port;
  const sockets: Socket[] = [primary];
  if (second !== undefined) {
    sockets.push(await bind(first, 0), await bind(second, port));
    sockets.push(await bind(second, sockets[1]!.address().port));
  }
  const at = sockets.map((socket) => parseEndpoint(socket.address().address, socket.address().port)!);
  let requests = 0;
  sockets.forEach((socket, index) => {
    const by = (flip: number): Endpoint => at[index ^ flip]!;
    const origins: BindingOrigins | undefined =
      sockets.length === 4 && !plain
        ? {same: by(0), 'other-port': by(1), 'other-address': by(2), 'other-both': by(3)}
        : undefined;
    const flips: Record<AnswerFrom, number> = {same: 0, 'other-port': 1, 'other-address': 2, 'other-both': 3};
    socket.on('message', (bytes, {address, port: from}) => {
      requests++;
      const request = decodeMessage(bytes);
      const remote = parseEndpoint(address, from)!;
      const seen = seenAs(remote, by(0));
      const answer = request && answerBinding(request, seen, origins);
      if (answer === undefined || !passes(by(flips[answer.from]), by(0))) return;
      sockets[index ^ flips[answer.from]]!.send(
        Uint8Array.from(answer.bytes),
        answer.to === seen ? from : answer.to.port,
        address,
      );
    });
  });
  return {
    host: first,
    port,
    endpoints: at,
    requests: () => requests,
    close: () => sockets.forEach((socket) => socket.close()),
  };
}

/** As seen through a NAT that gives each key a port of its own on 203.0.113.77. */
export function nat(
  keyOf: (remote: Endpoint, server: Endpoint) => string,
): (remote: Endpoint, server: Endpoint) => Endpoint {
  const ports = new Map<string, number>();
  return (remote, server) => {
    const key = keyOf(remote, server);
    const port = ports.get(key) ?? 20_000 + ports.size;
    ports.set(key, port);
    return createEndpoint(Uint8Array.of(203, 0, 113, 77), port);
  };
}

async function bind(address: string, port: number): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.bind({address, port});
  await once(socket, 'listening');
  return socket;
}
