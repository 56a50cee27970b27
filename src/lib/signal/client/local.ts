import type {SignalChannel} from '../../records/signal-message.ts';
import type {SignalExchange} from '../exchange.ts';
import type {ClientConnection} from '../session.ts';
import {openChannel} from './channel.ts';
import type {Wire, WireEvents} from './wire.ts';

/** Joins a room of this process's own server: what a station does that serves the room itself. */
export function joinLocally(
  exchange: SignalExchange,
  {room, self, signal}: {room: string; self: string; signal?: AbortSignal},
): Promise<SignalChannel> {
  const dial = (events: WireEvents): Promise<Wire> => Promise.resolve(connect(exchange, self, events));
  const servers = [{name: 'of this process', dial}];
  return openChannel({room, self, servers, ...(signal !== undefined && {signal})});
}

function connect(exchange: SignalExchange, self: string, events: WireEvents): Wire {
  const link: ClientConnection = {
    // Later, since a client does not expect an answer while it still asks.
    send: (message) => queueMicrotask(() => events.text(JSON.stringify(message))),
    close: () => close(),
  };
  const intake = exchange.accept({link, source: 'local', face: 'local', identity: self});
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    queueMicrotask(() => {
      intake.closed();
      events.closed();
    });
  };
  const send = async (text: string): Promise<void> => {
    const refused = await intake.take(text);
    if (refused !== undefined) link.send(refused);
  };
  return {send, close};
}
