import type {ServerResponse} from 'node:http';

/** Ways in which a back end fails. */
export type Fault =
  | 'silent' // accepts the request and never answers
  | 'stall' // begins to answer and then says nothing more
  | 'cut' // drops the connection in the middle
  | 'early-end' // ends the answer in good order, but in the middle
  | 'garbage' // sends something that is not JSON
  | 'error-event' // reports a failure in the middle of the stream
  | 'endless-line' // sends a line that does not end
  | 'html' // answers 200 with a web page
  | 'redirect'
  | 'busy' // 503, retry-after: 3
  | 'rate-limited' // 429, retry-after-ms: 250
  | 'server-error' // 500
  | 'no-key' // 401
  | 'quoting' // 422 with the request in the message
  | 'too-long'; // 400 as the flavour says it

/** Answers in the place of the server; true if that was all. Faults in mid-stream are left to the caller. */
export function failAtOnce(
  fault: Fault | undefined,
  response: ServerResponse,
  tooLong: unknown,
  request: unknown = {},
): boolean {
  const json = (status: number, body: unknown, headers: Record<string, string> = {}): true => {
    response.writeHead(status, {'content-type': 'application/json', ...headers}).end(JSON.stringify(body));
    return true;
  };
  if (fault === 'silent') return true;
  if (fault === 'html') {
    response.writeHead(200, {'content-type': 'text/html'}).end('<html>hello</html>');
    return true;
  }
  if (fault === 'redirect') {
    response.writeHead(302, {location: 'http://192.0.2.1/'}).end();
    return true;
  }
  if (fault === 'busy') return json(503, {error: 'server busy, please try again'}, {'retry-after': '3'});
  if (fault === 'rate-limited') return json(429, {error: {message: 'slow down'}}, {'retry-after-ms': '250'});
  if (fault === 'server-error') return json(500, {error: {message: 'out of memory', type: 'server_error'}});
  if (fault === 'quoting') return json(422, {error: {message: `invalid input: ${JSON.stringify(request)}`}});
  if (fault === 'no-key') return json(401, {error: {message: 'Invalid API Key', code: 401}});
  if (fault === 'too-long') return json(400, tooLong);
  return false;
}

const FLUSH_MS = 20;

/** Breaks a stream after some of it has been sent; true if the caller has to stop. */
export function failMidway(fault: Fault | undefined, response: ServerResponse): boolean {
  if (fault === 'stall') return true;
  // Once what was written has gone out: a connection that ends before the head was never an answer.
  if (fault === 'cut') setTimeout(() => response.destroy(), FLUSH_MS);
  else if (fault === 'early-end') response.end();
  else if (fault === 'garbage') response.end('data: {"choices": [oops\n\n{"message": oops\n');
  else if (fault === 'endless-line') writeEndlessly(response);
  else return false;
  return true;
}

function writeEndlessly(response: ServerResponse): void {
  const timer = setInterval(() => response.write('x'.repeat(256 * 1024)), 1);
  response.on('close', () => clearInterval(timer));
}
