import {open} from 'node:fs/promises';

import {EXIT, QuiverError} from '../core/errors.ts';
import {askSecret} from './password.ts';

/** Keystores have about 500 bytes; a key 66. */
const MAX_KEY_BYTES = 4_096;

/** A key from a file, from a terminal without showing it, or from what is piped in. */
export async function keyToImport(path: string | undefined, interactive: boolean): Promise<string> {
  if (path !== undefined) return readKey(path);
  if (interactive) return askSecret('Private key');
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_KEY_BYTES) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function readKey(path: string): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const buffer = Buffer.alloc(MAX_KEY_BYTES);
    const {bytesRead} = await file.read(buffer, 0, buffer.length);
    return buffer.toString('utf8', 0, bytesRead);
  } catch (error) {
    throw new QuiverError({
      code: 'KEY_FILE',
      message: `The key file ${path} cannot be read: ${error instanceof Error ? error.message : 'unknown reason'}`,
      fix: 'Name a file that you can read with --file.',
      exit: EXIT.usage,
      cause: error,
    });
  }
}
