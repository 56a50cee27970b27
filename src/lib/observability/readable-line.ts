/** Peers choose some of the strings in a log; none may move the cursor or change colours. */
// oxlint-disable-next-line no-control-regex
const CONTROL_CHARACTERS = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g;

/** One JSON log line as a person reads it: `12:30:01 warn  relay: slot refused  peer=12D3… reason="full"`. */
export function readableLine(line: string): string {
  const record = parse(line);
  if (record === undefined) return line;
  const {time, level, service, msg, err, ...rest} = record;
  const clock = typeof time === 'string' ? time.slice('yyyy-mm-ddT'.length, 'yyyy-mm-ddThh:mm:ss'.length) : '';
  const who = service === undefined ? '' : `${plain(service)}: `;
  const fields = Object.entries(rest).map(([key, value]) => `${plain(key)}=${shown(value)}`);
  const words = [clock, plain(level).padEnd(5), `${who}${plain(msg)}`, ...fields, ...errorLines(err)];
  return `${words.join(' ')}\n`;
}

function errorLines(err: unknown): string[] {
  if (typeof err !== 'object' || err === null) return [];
  const {stack, message} = err as Record<string, unknown>;
  return [`\n  ${plain(stack ?? message).replaceAll('\n', '\n  ')}`];
}

function shown(value: unknown): string {
  if (typeof value === 'string' && /^[\w./:@+-]+$/.test(value)) return value;
  return plain(JSON.stringify(value));
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value.replaceAll(CONTROL_CHARACTERS, '?') : (JSON.stringify(value) ?? '');
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
