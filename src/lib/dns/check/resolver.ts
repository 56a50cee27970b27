import {randomInt} from 'node:crypto';
import {getServers} from 'node:dns';

import {recordSet} from '../model/record-set.ts';
import {exchange, exchangeDatagram} from '../wire/exchange.ts';
import {decodeMessage, encodeMessage, OPCODE, RCODES, type IncomingMessage} from '../wire/message.ts';
import {typeNumber} from '../wire/rdata.ts';
import {readDnsServer, type DnsServer} from '../wire/server.ts';

const TIMEOUT_MS = 6_000;
const NAME_ERROR = 3;
/** Unanswered questions in a row after which a server is not asked again: one that never answered, and one that did. */
const MAX_FAILURES = {unknown: 8, known: 64};
const HEADER_BYTES = 12;

/** Whoever was asked for a name did not answer, which says nothing of what is behind the name. */
export class ResolverError extends Error {}

/** One name and type, asked of one server: over UDP, and over TCP for what doesn't fit or doesn't get through. */
export class ZoneResolver {
  readonly server: DnsServer;
  #known = false;
  /** Some let nothing through over UDP: then it is not tried each time. */
  #udp: 'untried' | 'works' | 'silent' = 'untried';
  #failures = 0;
  #lastFailure: ResolverError | undefined;

  /** @param server As for `readDnsServer`; the system's first resolver without it. */
  constructor(server?: string) {
    this.server = readDnsServer(server ?? getServers()[0] ?? '127.0.0.1', '--resolver');
  }

  /**
   * The values as a RecordSet has them; empty when the name or the type is not there. Rejects when the server can't
   * be reached or refuses.
   */
  async resolve(name: string, type: string, caller: AbortSignal): Promise<readonly string[]> {
    const most = this.#known ? MAX_FAILURES.known : MAX_FAILURES.unknown;
    if (this.#lastFailure !== undefined && this.#failures >= most) throw this.#lastFailure;
    const question = {name, type: typeNumber(type)};
    const message = encodeMessage({id: randomInt(65_536), opcode: OPCODE.query, recursion: true, question});
    const {rcode, answers} = await this.#ask(message, caller);
    if (rcode !== 0 && rcode !== NAME_ERROR) throw new ResolverError(`the resolver says ${RCODES.get(rcode) ?? rcode}`);
    const values = answers.filter((record) => record.type === type).map(({value}) => value);
    return recordSet(name, type, 0, values).values;
  }

  /** What a host name leads to, through aliases. */
  async addresses(name: string, signal: AbortSignal): Promise<string[]> {
    const found = await Promise.all(['A', 'AAAA'].map((type) => this.resolve(name, type, signal)));
    return found.flat();
  }

  async #ask(message: Buffer, caller: AbortSignal): Promise<IncomingMessage> {
    const late = AbortSignal.timeout(TIMEOUT_MS);
    const signal = AbortSignal.any([caller, late]);
    try {
      const answer = (await this.#overUdp(message, signal)) ?? (await this.#overTcp(message, signal));
      this.#known = true;
      this.#failures = 0;
      return answer;
    } catch (error) {
      caller.throwIfAborted();
      this.#failures += 1;
      const why = late.aborted || !(error instanceof Error) ? 'does not answer' : `can't be asked: ${error.message}`;
      this.#lastFailure = new ResolverError(`the resolver ${this.server.host}:${this.server.port} ${why}`);
      throw this.#lastFailure;
    }
  }

  /** Undefined when there is none, or none that is whole. */
  async #overUdp(message: Buffer, signal: AbortSignal): Promise<IncomingMessage | undefined> {
    if (this.#udp === 'silent') return undefined;
    const bytes = await exchangeDatagram(this.server, message, signal, (answer) => isAnswer(answer, message)).catch(
      () => undefined,
    );
    if (bytes !== undefined) this.#udp = 'works';
    else if (this.#udp === 'untried') this.#udp = 'silent';
    return bytes === undefined || isTruncated(bytes) ? undefined : decodeMessage(bytes);
  }

  async #overTcp(message: Buffer, signal: AbortSignal): Promise<IncomingMessage> {
    for await (const bytes of exchange(this.server, message, signal)) {
      const answer = decodeMessage(bytes);
      if (answer.id === message.readUInt16BE()) return answer;
      throw new Error('the answer is to another question');
    }
    throw new Error('the server gave no answer');
  }
}

/** Its id and its question come back as they were sent. */
function isAnswer(bytes: Buffer, message: Buffer): boolean {
  const question = message.subarray(HEADER_BYTES);
  if (bytes.length < message.length || bytes.readUInt16BE() !== message.readUInt16BE()) return false;
  return question.equals(bytes.subarray(HEADER_BYTES, message.length));
}

/** The bit TC: there is more than fits into a datagram. */
function isTruncated(message: Buffer): boolean {
  return (message.readUInt8(2) & 0x02) !== 0;
}
