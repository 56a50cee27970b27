import {bindingRequest} from './binding-exchange.ts';
import type {Endpoint} from './endpoint.ts';
import {UdpClient} from './udp-client.ts';

/** A NAT that drops the first packet of a new direction lets a later one through. */
const REPEAT_MS = 300;

/**
 * Whether two ports of this host reach each other by their public addresses, as two hosts behind one NAT must
 * (RFC 4787 section 6): both send to the other's, which also opens the way for what comes back.
 */
export async function hairpins(server: Endpoint, until: AbortSignal): Promise<boolean> {
  const clients = await Promise.all([UdpClient.open(server), UdpClient.open(server)]);
  const heard = Promise.withResolvers<boolean>();
  const giveUp = (): void => heard.resolve(false);
  until.addEventListener('abort', giveUp, {once: true});
  let timer: NodeJS.Timeout | undefined;
  try {
    const [one, two] = clients;
    const [atOne, atTwo] = await Promise.all(clients.map((client) => mappedOf(client, server, until)));
    if (atOne === undefined || atTwo === undefined) return false;
    const {bytes} = bindingRequest();
    for (const client of clients) client.onOther = (received) => bytes.equals(received) && heard.resolve(true);
    const send = (): void => {
      one.send(bytes, atTwo);
      two.send(bytes, atOne);
    };
    send();
    timer = setInterval(send, REPEAT_MS);
    return await heard.promise;
  } finally {
    clearInterval(timer);
    until.removeEventListener('abort', giveUp);
    for (const client of clients) client.close();
  }
}

async function mappedOf(client: UdpClient, server: Endpoint, until: AbortSignal): Promise<Endpoint | undefined> {
  const answer = await client.ask(server, {until});
  return answer?.result.ok === true ? answer.result.mapped : undefined;
}
