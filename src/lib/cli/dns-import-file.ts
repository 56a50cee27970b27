import {createReadStream} from 'node:fs';

import {dnsPorts} from '../catalog/dns-topology.ts';
import type {Config} from '../config/config.ts';
import {EXIT, QuiverError} from '../core/errors.ts';
import {readAll} from '../core/read-all.ts';
import type {Finding} from '../dns/lint/finding.ts';
import {lintZoneFile} from '../dns/lint/lint.ts';
import {importZone, type ImportedZone} from '../dns/read/import-zone.ts';
import {MAX_ZONE_BYTES, readZoneFile, type ZoneProblem} from '../dns/read/zone-file.ts';
import {readZone} from '../dns/model/names.ts';
import {toRecordSets} from '../dns/model/record-set.ts';

export interface ImportedFile extends ImportedZone {
  /** What could not be read at all. */
  problems: readonly ZoneProblem[];
  findings: readonly Finding[];
}

/** Reads and lints a zone file; `-` is stdin. Throws DNS_FILE_SIZE, DNS_NO_ZONE and the errors of `importZone`. */
export async function importFile(path: string, config: Config): Promise<ImportedFile> {
  const named = config.get('dns.zone');
  const {zone, records, problems} = readZoneFile(
    await readBytes(path),
    named === undefined ? undefined : readZone(named, 'zone'),
  );
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
