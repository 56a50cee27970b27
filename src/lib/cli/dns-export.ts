import {readFile} from 'node:fs/promises';
import {resolve} from 'node:path';

import {PUBLIC_FILE_MODE, replaceFile} from '../core/private-file.ts';
import type {Topology} from '../dns/model/topology.ts';
import {exportZone, type ExportOptions} from '../dns/write/export-zone.ts';

/** Writes the zone to a file in one step, or gives its text back; a file that would not change is left alone. */
export async function exportToFile(
  topology: Topology,
  options: Pick<ExportOptions, 'format' | 'serial'>,
  out: string | undefined,
): Promise<{text: string; file?: string}> {
  const date = new Date();
  if (out === undefined) return {text: await exportZone(topology, {...options, date})};
  const file = resolve(out);
  const previous = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
  const text = await exportZone(topology, {...options, previous, date});
  if (text !== previous) await replaceFile(file, text, PUBLIC_FILE_MODE);
  return {text, file};
}
