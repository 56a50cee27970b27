import type {IncomingMessage} from 'node:http';
import type {Duplex} from 'node:stream';

import type {RawData, WebSocket, WebSocketServer} from 'ws';

import type {CloseReason} from './errors.ts';
import {CLOSE} from './errors.ts';
import type {SignalExchange} from './exchange.ts';
import type {Intake} from './intake.ts';
import {MESSAGE_MAX_BYTES, PING_INTERVAL_MS, SIGNAL_SUBPROTOCOL} from './protocol.ts';
import type {ServerMessage} from './protocol.ts';
import type {ClientConnection} from './session.ts';

/** After a close frame, of either side, the client has this long to end the connection. */
const CLOSE_GRACE_MS = 2_000;
/** An option of ws that the declarations of its types don't have yet. */
const UNDECLARED = {closeTimeout: CLOSE_GRACE_MS};
/** Nobody has a reason to cut a message into pieces. */
const FRAGMENTS_LIMIT = 64;
const CHUNKS_LIMIT = 1_024;

/** WebSockets (RFC 6455) of one HTTP server. */
export class WebSocketFace {
  readonly #exchange: SignalExchange;
  readonly #server: WebSocketServer;
  readonly #alive = new Map<WebSocket, boolean>();
  readonly #pinger: NodeJS.Timeout;

  static async create(exchange: SignalExchange): Promise<WebSocketFace> {
    const {WebSocketServer: Server} = await import('ws');
    const server = new Server({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: MESSAGE_MAX_BYTES,
      maxFragments: FRAGMENTS_LIMIT,
      maxBufferedChunks: CHUNKS_LIMIT,
      ...UNDECLARED,
      handleProtocols: () => SIGNAL_SUBPROTOCOL,
    });
    return new WebSocketFace(exchange, server);
  }

  private constructor(exchange: SignalExchange, server: WebSocketServer) {
    this.#exchange = exchange;
    this.#server = server;
    this.#pinger = setInterval(() => this.#ping(), PING_INTERVAL_MS).unref();
  }

  /** Whether a request for an upgrade asks for our subprotocol. */
  static speaks(request: IncomingMessage): boolean {
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',');
    return offered.some((name) => name.trim() === SIGNAL_SUBPROTOCOL);
  }

  /** Takes over a request that was let in. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, source: string): void {
    this.#server.handleUpgrade(request, socket, head, (ws) => this.#open(ws, source));
  }

  async close(): Promise<void> {
    clearInterval(this.#pinger);
    const open = [...this.#alive.keys()];
    const closed = open.map((ws) => new Promise((resolve) => ws.once('close', resolve)));
    for (const ws of open) closeSoon(ws, 'stopping');
    await Promise.all(closed);
    this.#server.close();
  }

  #open(ws: WebSocket, source: string): void {
    ws.on('error', () => undefined); // `close` follows
    this.#alive.set(ws, true);
    const share = this.#exchange.backlog.share();
    const link: ClientConnection = {
      send: (message) => {
        if (ws.readyState === ws.OPEN && !write(ws, message, share)) this.#giveUp(ws);
      },
      close: (reason) => closeSoon(ws, reason),
    };
    const intake = this.#admit(ws, link, source);
    const heard = (bytes: number): boolean => {
      this.#alive.set(ws, true);
      return this.#exchange.allows(source, bytes);
    };
    ws.on('message', (data, isBinary) => {
      this.#alive.set(ws, true);
      if (ws.readyState === ws.OPEN && intake !== undefined) void receive(intake, link, textOf(data, isBinary));
    });
    // ws answers pings by itself; somebody who sends many of them is stopped like anybody who sends much.
    ws.on('ping', (data) => void (heard(data.length) || closeSoon(ws, 'flooding')));
    ws.on('pong', (data) => void (heard(data.length) || closeSoon(ws, 'flooding')));
    ws.once('close', () => {
      this.#alive.delete(ws);
      share.give();
      intake?.closed();
    });
  }

  #admit(ws: WebSocket, link: ClientConnection, source: string): Intake | undefined {
    try {
      return this.#exchange.accept({link, source, face: 'websocket'});
    } catch {
      ws.close(1013, 'the server is full or is being stopped');
      return undefined;
    }
  }

  #giveUp(ws: WebSocket): void {
    this.#exchange.hub.stats.refused.add('SIGNAL_SLOW');
    closeSoon(ws, 'slow');
  }

  #ping(): void {
    for (const [ws, alive] of this.#alive) {
      if (alive) {
        this.#alive.set(ws, false);
        ws.ping();
      } else {
        closeSoon(ws, 'silent');
      }
    }
  }
}

async function receive(intake: Intake, link: ClientConnection, text: string | undefined): Promise<void> {
  const refused = await intake.take(text ?? '');
  if (refused !== undefined) link.send(refused);
}

/** Binary messages have no meaning; the empty text that stands for them is refused like anything that is not JSON. */
function textOf(data: RawData, isBinary: boolean): string | undefined {
  return isBinary || !Buffer.isBuffer(data) ? undefined : data.toString();
}

/** False when the client has too much unread. */
function write(
  ws: WebSocket,
  message: ServerMessage,
  share: {take(n: number): boolean; give(n?: number): void},
): boolean {
  const text = JSON.stringify(message);
  if (!share.take(text.length)) return false;
  ws.send(text, () => share.give(text.length));
  return true;
}

function closeSoon(ws: WebSocket, reason: CloseReason): void {
  if (ws.readyState !== ws.OPEN) return;
  const {code, text} = CLOSE[reason];
  ws.close(code, text);
}
