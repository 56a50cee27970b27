import {randomInt} from 'node:crypto';
import {getServers} from 'node:dns';

import {recordSet} from '../model/record-set.ts';
import {exchange, type DnsServer} from '../wire/exchange.ts';
import {decodeMessage, encodeMessage, OPCODE, RCODES} from '../wire/message.ts';
import {typeNumber} from '../wire/rdata.ts';

const DNS_PORT = 53;
const TIMEOUT_MS = 5_000;
const NAME_ERROR = 3;

/** One name and type, asked of one server over TCP, so that answers of every size and type come whole. */
export class ZoneResolver {
  readonly server: DnsServer;

  /** @param server `host:port`, `[::1]:53` or a host; the system's first resolver without it. */
  constructor(server?: string) {
    const {hostname, port} = new URL(`dns://${server ?? getServers()[0] ?? '127.0.0.1'}`);
    this.server = {host: hostname.replaceAll(/^\[|\]$/g, ''), port: port === '' ? DNS_PORT : Number(port)};
  }

  /**
   * The values as a RecordSet has them; empty when the name or the type is not there. Rejects when the server can't
   * be reached or refuses.
   */
  async resolve(name: string, type: string, caller: AbortSignal): Promise<readonly string[]> {
    const signal = AbortSignal.any([caller, AbortSignal.timeout(TIMEOUT_MS)]);
    const question = {name, type: typeNumber(type)};
    const message = encodeMessage({id: randomInt(65_536), opcode: OPCODE.query, recursion: true, question});
    for await (const answer of exchange(this.server, message, signal)) {
      const {rcode, answers} = decodeMessage(answer);
      if (rcode !== 0 && rcode !== NAME_ERROR) throw new Error(`the server says ${RCODES.get(rcode) ?? rcode}`);
      return recordSet(
        name,
        type,
        0,
        answers.filter((record) => record.type === type).map(({value}) => value),
      ).values;
    }
    return [];
  }

  /** What a host name leads to, through aliases. */
  async addresses(name: string, signal: AbortSignal): Promise<string[]> {
    const found = await Promise.all(['A', 'AAAA'].map((type) => this.resolve(name, type, signal)));
    return found.flat();
  }
}
