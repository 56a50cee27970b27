import {createReadStream} from 'node:fs';

import {dnsPorts} from '../catalog/dns-topology.ts';
import type {Config} from '../config/config.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import {readAll} from '../core/read-all.ts';
import type {Finding} from '../dns/lint/finding.ts';
import {lintZoneFile} from '../dns/lint/lint.ts';
import {importZone, type ImportedZone} from '../dns/read/import-zone.ts';
import {MAX_PROBLEMS, MAX_ZONE_BYTES, readZoneFile, type ZoneFile, type ZoneProblem} from '../dns/read/zone-file.ts';
import {readZone} from '../dns/model/names.ts';
import {toRecordSets} from '../dns/model/record-set.ts';

export interface ImportedFile extends ImportedZone {
  /** What could not be read at all. */
  problems: readonly ZoneProblem[];
  findings: readonly Finding[];
}

/** Reads and lints a zone file; `-` is stdin. Throws DNS_FILE_SIZE, DNS_ZONE_FILE, DNS_NO_ZONE and the errors of `importZone`. */
export async function importFile(path: string, config: Config): Promise<ImportedFile> {
  const {zone, records, problems} = readNamed(await readBytes(path), config);
  if (problems.length > MAX_PROBLEMS) {
    throw new QuiverError({
      code: 'DNS_ZONE_FILE',
      message: `${path} is no zone file: more than ${MAX_PROBLEMS.toLocaleString('en')} lines of it can't be read`,
      fix: 'Give it a zone file as BIND has them, or an export of Cloudflare.',
      exit: EXIT.usage,
    });
  }
  if (zone === '') {
    throw new QuiverError({
      code: 'DNS_NO_ZONE',
      message: `It can't be told which zone ${path} is of: it has no SOA and no $ORIGIN`,
      fix: 'Name it: --zone quiver.example',
      exit: EXIT.usage,
    });
  }
  return {
    ...importZone(zone, toRecordSets(records), dnsPorts(config)),
    problems,
    findings: lintZoneFile(zone, records),
  };
}

/** A flag says which zone it is; the settings, which may be of another one, only where the file doesn't. */
function readNamed(file: Buffer, config: Config): ZoneFile {
  const setting = config.get('dns.zone');
  const named = setting === undefined ? undefined : readZone(setting, 'zone');
  const isTold = config.origin('dns.zone').layer === 'flag';
  const read = readZoneFile(file, isTold ? named : undefined);
  return isTold || read.isNamed || named === undefined ? read : readZoneFile(file, named);
}

async function readBytes(path: string): Promise<Buffer> {
  const source = path === '-' ? process.stdin : createReadStream(path);
  const tooLong = (): QuiverError =>
    new QuiverError({
      code: 'DNS_FILE_SIZE',
      message: `${path} has more than 16 MiB`,
      fix: 'Give it the file of a single zone.',
      exit: EXIT.usage,
    });
  return readAll(source, MAX_ZONE_BYTES, tooLong);
}
