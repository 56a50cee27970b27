import {QuiverError} from '../../core/errors.ts';
import {pause} from '../../core/pause.ts';
import {readAll} from '../../core/read-all.ts';
import type {SignalChannel} from '../../records/signal-message.ts';
import {withDeadline} from '../../service/deadline.ts';
import {fromErrorBody} from '../../service/error-body.ts';
import {toErrorMessage, SIGNAL_PATH} from '../protocol.ts';
import {openChannel} from './channel.ts';
import {closedChannel, unreachable} from './errors.ts';
import {channelOptions} from './websocket.ts';
import type {UrlChannelOptions} from './websocket.ts';
import type {Wire, WireEvents} from './wire.ts';

/** A poll is answered within 25 s. */
const POLL_DEADLINE_MS = 40_000;
const SHORTEST_POLL_MS = 1_000;
const POST_DEADLINE_MS = 15_000;
/** What a server has waiting for one client is less. */
const ANSWER_LIMIT_BYTES = 2 * 1024 * 1024;
/** Of one request; the server takes 64 lines and 160 KiB. */
const LINES_LIMIT = 32;
const POST_LIMIT_CHARACTERS = 128 * 1024;

/**
 * Joins a room by posting and polling: for clients whose network, or whose runtime, lets no WebSocket through; the
 * third way of signalling beside WebSocket and libp2p. Errors: those of `openChannel`, and SIGNAL_URL.
 */
export function joinByHttp(options: UrlChannelOptions): Promise<SignalChannel> {
  return openChannel(channelOptions(options, (url, events) => Promise.resolve(new HttpWire(url, events))));
}

interface Line {
  text: string;
  sent: PromiseWithResolvers<void>;
}

/** A connection that consists of requests: posts one after the other, and a poll beside them. */
class HttpWire implements Wire {
  readonly #target: URL;
  readonly #events: WireEvents;
  readonly #stopping = new AbortController();
  #lines: Line[] = [];
  #posting = false;
  #session: string | undefined;

  constructor(url: URL, events: WireEvents) {
    this.#target = new URL(`${SIGNAL_PATH}/messages`, url);
    this.#target.protocol = url.protocol.replace('ws', 'http');
    this.#events = events;
  }

  async send(text: string): Promise<void> {
    if (this.#stopping.signal.aborted) throw closedChannel();
    const line: Line = {text, sent: Promise.withResolvers()};
    this.#lines.push(line);
    if (!this.#posting) void this.#post();
    await line.sent.promise;
  }

  close(): void {
    if (this.#session !== undefined && !this.#stopping.signal.aborted) {
      this.#request('DELETE', this.#target, {deadlineMs: POST_DEADLINE_MS}).catch(() => undefined);
    }
    this.#end();
  }

  async #post(): Promise<void> {
    this.#posting = true;
    while (this.#lines.length > 0 && !this.#stopping.signal.aborted) {
      const batch = this.#batch();
      try {
        const body = batch.map(({text}) => text).join('\n');
        const {session, errors} = await this.#request('POST', this.#target, {body, deadlineMs: POST_DEADLINE_MS});
        for (const line of batch) line.sent.resolve();
        this.#onPosted(session, errors);
      } catch (error) {
        for (const line of batch) line.sent.reject(error);
        this.#fail(error, batch[0]?.text ?? '');
      }
    }
    this.#posting = false;
  }

  /** Until there is a session only the first message, which asks for one. */
  #batch(): Line[] {
    if (this.#session === undefined) return this.#lines.splice(0, 1);
    let characters = 0;
    const fitting = this.#lines.findIndex(({text}, index) => {
      characters += text.length + 1;
      return index > 0 && (index >= LINES_LIMIT || characters > POST_LIMIT_CHARACTERS);
    });
    return this.#lines.splice(0, fitting === -1 ? this.#lines.length : fitting);
  }

  #onPosted(session: unknown, errors: unknown): void {
    if (typeof session === 'string' && this.#session === undefined) {
      this.#session = session;
      void this.#poll();
    }
    for (const error of Array.isArray(errors) ? (errors as unknown[]) : []) this.#events.text(JSON.stringify(error));
  }

  async #poll(): Promise<void> {
    let after = 0;
    while (!this.#stopping.signal.aborted) {
      try {
        const url = new URL(`?after=${after}`, this.#target);
        const askedAtMs = performance.now();
        const {messages, next} = await this.#request('GET', url, {deadlineMs: POLL_DEADLINE_MS});
        const came: unknown[] = Array.isArray(messages) ? messages : [];
        for (const message of came) {
          if (!this.#stopping.signal.aborted) this.#events.text(JSON.stringify(message));
        }
        // A server, or a proxy before it, that does not wait would be asked without end.
        if (came.length === 0) await pause(SHORTEST_POLL_MS - (performance.now() - askedAtMs), this.#stopping.signal);
        if (Number.isSafeInteger(next)) after = Number(next);
      } catch (error) {
        this.#fail(error, '');
      }
    }
  }

  /** A refused join is the server's answer to it; everything else is the end of this connection. */
  #fail(error: unknown, text: string): void {
    if (this.#stopping.signal.aborted) return;
    const type = /^\{"type":"(join|resume)"/.exec(text)?.[1];
    if (this.#session === undefined && type !== undefined && error instanceof QuiverError) {
      this.#events.text(JSON.stringify(toErrorMessage(error, {type})));
      return;
    }
    this.#end(error instanceof QuiverError ? error : undefined);
  }

  #end(reason?: QuiverError): void {
    if (this.#stopping.signal.aborted) return;
    this.#stopping.abort();
    for (const line of this.#lines) line.sent.reject(closedChannel());
    this.#lines = [];
    this.#events.closed(reason);
  }

  async #request(
    method: 'GET' | 'POST' | 'DELETE',
    url: URL,
    {body, deadlineMs}: {body?: string; deadlineMs: number},
  ): Promise<Record<string, unknown>> {
    const server = this.#target.origin;
    const late = (): Error => unreachable(server, 'it did not answer in time');
    const ask = async (signal: AbortSignal): Promise<Record<string, unknown>> => {
      const headers = this.#headers(body);
      const sent = body === undefined ? {} : {body};
      const response = await fetch(url, {method, redirect: 'error', headers, signal, ...sent});
      const answer = response.status === 204 ? {} : await readAnswer(response);
      if (response.ok) return answer;
      throw fromErrorBody(answer['error']) ?? unreachable(server, `HTTP status ${response.status}`);
    };
    // A farewell is sent when everything else has been stopped.
    const stopping = method === 'DELETE' ? undefined : this.#stopping.signal;
    try {
      return await withDeadline(ask, deadlineMs, late, stopping);
    } catch (error) {
      throw error instanceof QuiverError ? error : unreachable(server, reasonOf(error), error);
    }
  }

  #headers(body: string | undefined): Record<string, string> {
    return {
      ...(body !== undefined && {'content-type': 'application/x-ndjson'}),
      ...(this.#session !== undefined && {authorization: `Bearer ${this.#session}`}),
    };
  }
}

async function readAnswer(response: Response): Promise<Record<string, unknown>> {
  const body = await readAll(response.body, ANSWER_LIMIT_BYTES, () => new RangeError('its answer is too long'));
  const value: unknown = JSON.parse(body.toString());
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new TypeError('its answer is not an object');
}

/** `fetch` itself only says that it failed. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
