import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';
import type {Fault} from './http-faults.ts';

export interface BackendServer {
  url: string;
  /** Bodies of the chat requests so far. */
  requests: Record<string, unknown>[];
  /** How many chat requests ended before their answer did. */
  aborted: number;
  fault: Fault | undefined;
  /** Drops the connections that nobody uses at the moment, as servers do after a while. */
  closeIdle(): void;
  close(): Promise<void>;
}

export type Handler = (
  request: {path: string; body: Record<string, unknown>},
  response: ServerResponse,
  signal: AbortSignal,
) => Promise<void>;

/** A server on a free port of 127.0.0.1 whose handler sees parsed bodies and an abort signal. */
export async function serveBackend(handle: Handler, headers: Record<string, string> = {}): Promise<BackendServer> {
  const server: Server = createServer((request, response) => void respond(request, response));
  const state: BackendServer = {
    url: '',
    requests: [],
    aborted: 0,
    fault: undefined,
    closeIdle: () => server.closeIdleConnections(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const controller = new AbortController();
    response.on('close', () => controller.abort());
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    const isChat = 'messages' in body;
    if (isChat) state.requests.push(body);
    await handle({path: request.url ?? '/', body}, response, controller.signal);
    if (isChat && !response.writableEnded && controller.signal.aborted) state.aborted += 1;
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return state;
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, {'content-type': 'application/json'}).end(JSON.stringify(body));
}
