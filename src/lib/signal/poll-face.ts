import type {IncomingMessage, ServerResponse} from 'node:http';

import {EXIT, QuiverError} from '../core/errors.ts';
import {readLines, sendJson} from './http-messages.ts';
import {refusal} from './errors.ts';
import type {CloseReason, RefusalCode} from './errors.ts';
import type {SignalExchange} from './exchange.ts';
import type {ServerMessage} from './protocol.ts';
import {Poller} from './poller.ts';

/** Without a poll for so long a client is gone. */
const ABSENT_LIMIT_MS = 30_000;
/** Time to come and hear why a session was ended. */
const CLOSED_MS = 10_000;
const SWEEP_MS = 1_000;

/** What the next poll is told when the server has ended a session. */
const AFTER_CLOSE: Partial<Record<CloseReason, RefusalCode>> = {
  replaced: 'SIGNAL_REPLACED',
  stopping: 'SIGNAL_DRAINING',
  flooding: 'SIGNAL_RATE',
};

/** The same exchange for clients without a WebSocket: they post what they have to say, and poll for the rest. */
export class PollFace {
  readonly #exchange: SignalExchange;
  readonly #pollers = new Map<string, Poller>();
  readonly #sweeper: NodeJS.Timeout;

  constructor(exchange: SignalExchange) {
    this.#exchange = exchange;
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  /** Answers a request for `/v1/signal/messages`. Rejects with QuiverError, for `sendFailure`. */
  async handle(request: IncomingMessage, response: ServerResponse, source: string): Promise<void> {
    const secret = /^Bearer ([\w-]{1,64})$/i.exec(request.headers.authorization ?? '')?.[1];
    if (request.method === 'POST') return this.#post(request, response, source, secret);
    const poller = this.#find(secret);
    if (request.method === 'DELETE') {
      this.#end(secret ?? '', poller);
      response.writeHead(204).end();
      return;
    }
    await this.#poll(request, response, poller);
  }

  close(): void {
    clearInterval(this.#sweeper);
    for (const [secret, poller] of this.#pollers) {
      poller.close('stopping');
      this.#end(secret, poller);
    }
  }

  async #post(
    request: IncomingMessage,
    response: ServerResponse,
    source: string,
    secret: string | undefined,
  ): Promise<void> {
    const lines = await readLines(request);
    const [first, ...rest] = lines;
    if (first === undefined) throw refusal('SIGNAL_NOT_JOINED', 'the request has no message');
    if (secret !== undefined) return sendJson(response, 200, {errors: await takeAll(this.#find(secret), lines)});
    const poller = this.#open(source);
    const refused = await poller.intake?.take(first);
    const session = poller.intake?.session;
    if (refused !== undefined || session === undefined || session.rooms.size === 0) {
      poller.dispose();
      poller.intake?.closed();
      throw refused === undefined ? refusal('SIGNAL_NOT_JOINED') : new QuiverError({...refused, exit: EXIT.failed});
    }
    // One that was taken up again has left its place.
    this.#pollers.get(session.secret)?.dispose();
    this.#pollers.set(session.secret, poller);
    const errors = await takeAll(poller, rest);
    sendJson(response, 200, {session: session.secret, errors});
  }

  async #poll(request: IncomingMessage, response: ServerResponse, poller: Poller): Promise<void> {
    const after = /[?&]after=(\d{1,15})(?:&|$)/.exec(request.url ?? '')?.[1];
    poller.acknowledge(Number(after ?? 0));
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    await poller.wait(gone.signal);
    poller.seenAtMs = this.#exchange.now();
    const taken = poller.take();
    if (poller.closed !== undefined) throw afterClose(poller.closed);
    sendJson(response, 200, taken);
  }

  #open(source: string): Poller {
    const {hub, backlog} = this.#exchange;
    const poller = new Poller(backlog.share(), hub.limits.waitingMessages, this.#exchange.now());
    poller.intake = this.#exchange.accept({link: poller, source, face: 'http'});
    return poller;
  }

  #find(secret: string | undefined): Poller {
    const poller = this.#pollers.get(secret ?? '');
    if (poller === undefined) throw refusal('SIGNAL_NO_SESSION');
    if (poller.closed !== undefined) throw afterClose(poller.closed);
    poller.seenAtMs = this.#exchange.now();
    return poller;
  }

  #end(secret: string, poller: Poller): void {
    this.#pollers.delete(secret);
    poller.dispose();
    const {intake} = poller;
    if (intake === undefined) return;
    intake.closed();
    if (intake.session.link === undefined) this.#exchange.hub.end(intake.session);
  }

  #sweep(): void {
    const nowMs = this.#exchange.now();
    for (const [secret, poller] of this.#pollers) {
      const limitMs = poller.closed === undefined ? ABSENT_LIMIT_MS : CLOSED_MS;
      if (!poller.polling && nowMs - poller.seenAtMs > limitMs) this.#end(secret, poller);
    }
  }
}

async function takeAll({intake}: Poller, lines: readonly string[]): Promise<ServerMessage[]> {
  const errors: ServerMessage[] = [];
  for (const line of lines) {
    const refused = await intake?.take(line);
    if (refused !== undefined) errors.push(refused);
  }
  return errors;
}

function afterClose(reason: CloseReason): QuiverError {
  return refusal(AFTER_CLOSE[reason] ?? 'SIGNAL_NO_SESSION');
}
