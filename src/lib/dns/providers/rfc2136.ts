import {randomInt} from 'node:crypto';

import {EXIT, QuiverError} from '../../core/errors.ts';
import {toRecordSets, type RecordSet, type SingleRecord} from '../model/record-set.ts';
import {exchange} from '../wire/exchange.ts';
import {WireError} from '../wire/bytes.ts';
import {decodeMessage, encodeMessage, OPCODE, RCODES, TYPE_AXFR, type IncomingMessage} from '../wire/message.ts';
import {signMessage, TsigVerifier, type TsigKey} from '../wire/tsig.ts';
import {typeNumber} from '../wire/rdata.ts';
import type {DnsServer} from '../wire/server.ts';
import {inGroups, movedOn} from './apply-changes.ts';
import type {Change, DnsProvider} from './provider.ts';
import {prerequisites, updates} from './update-records.ts';

/** Of the records in one update: a message over TCP has at most 64 KiB. */
const MAX_UPDATE_BYTES = 48 * 1024;
/** Type, class, TTL, length and the ends of the name. */
const RECORD_BYTES = 12;
/** A server on another continent with a big zone is slower than a health check, and not slower than this. */
const TIMEOUT_MS = 30_000;
/** A set is not what a prerequisite says (RFC 2136 section 2.2). */
const MOVED_ON: ReadonlySet<string> = new Set(['YXDOMAIN', 'YXRRSET', 'NXDOMAIN', 'NXRRSET']);

/** A primary server that takes dynamic updates (RFC 2136) with a shared key: BIND, Knot, PowerDNS. */
export class Rfc2136Provider implements DnsProvider {
  readonly name = 'rfc2136';
  readonly #server: DnsServer;
  readonly #key: TsigKey;
  readonly #now: () => Date;

  constructor(server: DnsServer, key: TsigKey, now: () => Date = () => new Date()) {
    this.#server = server;
    this.#key = key;
    this.#now = now;
  }

  prepare(sets: readonly RecordSet[]): RecordSet[] {
    return sets.map((set) => ({...set, proxied: false}));
  }

  /** By zone transfer (RFC 5936), which the server has to allow for the key. */
  async read(zone: string, signal: AbortSignal): Promise<RecordSet[]> {
    const found: SingleRecord[] = [];
    const question = {name: zone, type: TYPE_AXFR};
    let soas = 0;
    const message = encodeMessage({id: randomInt(65_536), opcode: OPCODE.query, question});
    for await (const {answers} of this.#ask(message, signal, () => soas === 2)) {
      if (soas === 0 && answers[0]?.type !== 'SOA') throw this.#refusal('an answer without the zone', []);
      for (const record of answers) {
        if (record.type === 'SOA') soas += 1;
        // The SOA comes again at the end, to say that it is the end.
        if (soas === 2) break;
        found.push(record);
      }
    }
    return toRecordSets(found);
  }

  async apply(zone: string, changes: readonly Change[], signal: AbortSignal): Promise<void> {
    for (const part of inGroups(changes, MAX_UPDATE_BYTES, wireSize)) {
      const message = encodeMessage({
        id: randomInt(65_536),
        opcode: OPCODE.update,
        question: {name: zone, type: typeNumber('SOA')},
        first: prerequisites(part),
        second: updates(part),
      });
      for await (const _ of this.#ask(message, signal, () => true, part)) break;
    }
  }

  /** The signed request and its answers, each checked; ends when `isLast` says so after one. */
  async *#ask(
    message: Buffer,
    caller: AbortSignal,
    isLast: () => boolean,
    changes: readonly Change[] = [],
  ): AsyncGenerator<IncomingMessage> {
    const late = AbortSignal.timeout(TIMEOUT_MS);
    const signal = AbortSignal.any([caller, late]);
    const {bytes, mac} = signMessage(message, this.#key, this.#nowSeconds());
    const verifier = new TsigVerifier(this.#key, mac);
    try {
      for await (const answer of exchange(this.#server, bytes, signal)) {
        const decoded = decodeMessage(answer);
        if (decoded.id !== message.readUInt16BE(0)) throw new WireError('the answer is to another request');
        // A refusal of the key itself is told in the TSIG record, which check() reads.
        if (decoded.tsig !== undefined || decoded.rcode === 0) verifier.check(answer, decoded, this.#nowSeconds());
        if (decoded.rcode !== 0) throw this.#refusal(RCODES.get(decoded.rcode) ?? `code ${decoded.rcode}`, changes);
        yield decoded;
        if (isLast()) {
          if (!verifier.complete) throw new WireError('the end of the answer is not signed');
          return;
        }
      }
    } catch (error) {
      caller.throwIfAborted();
      throw error instanceof QuiverError ? error : this.#unreachable(late.aborted ? late.reason : error);
    }
  }

  #refusal(name: string, changes: readonly Change[]): QuiverError {
    const [first] = changes;
    const set = first?.before ?? first?.after;
    if (MOVED_ON.has(name) && set !== undefined) return movedOn(set);
    return new QuiverError({
      code: 'DNS_REFUSED',
      message: `${this.#where()} refused with ${name}`,
      fix: `Allow the key "${this.#key.name}" to update and transfer the zone there; in BIND: allow-transfer and update-policy`,
      exit: EXIT.refused,
    });
  }

  #unreachable(error: unknown): QuiverError {
    if (error instanceof WireError) {
      return new QuiverError({
        code: 'DNS_ANSWER',
        message: `${this.#where()} can't be worked with: ${error.message}`,
        fix: `Compare the key "${this.#key.name}" (name, algorithm, secret) and the clocks on both sides.`,
        exit: EXIT.refused,
        cause: error,
      });
    }
    // A timeout has a number there.
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const why = typeof code === 'string' ? code : 'it does not answer';
    return new QuiverError({
      code: 'DNS_UNREACHABLE',
      message: `${this.#where()} can't be reached: ${why}`,
      fix: `Check dns.server, and that TCP port ${this.#server.port} is open there.`,
      cause: error,
    });
  }

  #where(): string {
    return `The DNS server ${this.#server.host}:${this.#server.port}`;
  }

  #nowSeconds(): number {
    return Math.floor(this.#now().getTime() / 1_000);
  }
}

/** Of the records that a change puts into an update: what was, and what is to be. */
function wireSize({before, after}: Change): number {
  const values = [...(before?.values ?? []), ...(after?.values ?? []), ''];
  const {name} = after ?? before ?? {name: ''};
  return values.reduce((sum, value) => sum + name.length + RECORD_BYTES + value.length, 0);
}
