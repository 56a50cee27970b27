import {createReadStream} from 'node:fs';

import {EXIT, QuiverError} from '../../core/errors.ts';
import {PUBLIC_FILE_MODE, replaceFile} from '../../core/private-file.ts';
import {readAll} from '../../core/read-all.ts';
import {recordSet, sortSets, type RecordSet, toRecordSets} from '../model/record-set.ts';
import {MAX_ZONE_BYTES, readZoneFile} from '../read/zone-file.ts';
import {writeBind} from '../write/bind.ts';
import {nextSerial} from '../write/serial.ts';
import {applyChanges} from './apply-changes.ts';
import type {Change, DnsProvider} from './provider.ts';

/** Of a line that can't be read: a parenthesis that is not closed makes one of a whole file. */
const MAX_SHOWN_CHARACTERS = 160;

/** A zone file that a name server of the operator's reads: `dns.provider: file`. */
export class ZoneFileProvider implements DnsProvider {
  readonly name = 'file';
  readonly atomic = true;
  readonly #path: string;
  readonly #now: () => Date;

  constructor(path: string, now: () => Date = () => new Date()) {
    this.#path = path;
    this.#now = now;
  }

  /** A file knows of no proxy. */
  prepare(sets: readonly RecordSet[]): RecordSet[] {
    return sets.map((set) => ({...set, proxied: false}));
  }

  /** Throws DNS_ZONE_FILE when there is no such file, or when something in it can't be read and would be lost. */
  async read(zone: string): Promise<RecordSet[]> {
    const {records, problems} = readZoneFile(await this.#content(), zone);
    const [problem] = problems;
    if (problem !== undefined) {
      const where = `line ${problem.line} of ${this.#path}`;
      const text = problem.text.split('\n', 1).join('').slice(0, MAX_SHOWN_CHARACTERS);
      throw unusable(`It would lose ${where}, which can't be read: ${problem.why}`, `Mend it: ${text}`);
    }
    return this.prepare(toRecordSets(records));
  }

  /** Writes the whole file anew, in one step, with a higher serial. Comments in it are not kept. */
  async apply(zone: string, changes: readonly Change[]): Promise<void> {
    const sets = applyChanges(await this.read(zone), changes);
    const isApex = ({name, type}: RecordSet): boolean => name === zone && (type === 'SOA' || type === 'NS');
    const apex = sets.filter(isApex).map((set) => (set.type === 'SOA' ? this.#renewed(set) : set));
    const notes = [`${zone}. Kept by quiver dns apply; change the topology for what is quiver's.`];
    const records = sortSets(sets.filter((set) => !isApex(set)));
    const file = writeBind({zone, apex: apex.toSorted((a, b) => (a.type < b.type ? 1 : -1)), records, notes});
    await replaceFile(this.#path, file, PUBLIC_FILE_MODE);
  }

  async #content(): Promise<Buffer> {
    const tooLong = (): QuiverError =>
      unusable(`${this.#path} has more than ${MAX_ZONE_BYTES >> 20} MiB`, 'Name the file of a single zone.');
    try {
      return await readAll(createReadStream(this.#path), MAX_ZONE_BYTES, tooLong);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      throw unusable(`There is no zone file ${this.#path}`, `quiver dns export --out ${this.#path}   (makes one)`);
    }
  }

  #renewed(soa: RecordSet): RecordSet {
    const values = soa.values.map((value) => {
      const fields = value.split(' ');
      fields[2] = String(nextSerial(Number(fields[2]), this.#now()));
      return fields.join(' ');
    });
    return recordSet(soa.name, soa.type, soa.ttlSeconds, values);
  }
}

function unusable(message: string, fix: string): QuiverError {
  return new QuiverError({code: 'DNS_ZONE_FILE', message, fix, exit: EXIT.usage});
}
