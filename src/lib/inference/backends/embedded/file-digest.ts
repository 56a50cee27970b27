import {createHash} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {stat} from 'node:fs/promises';
import {pipeline} from 'node:stream/promises';

/** More model files than a provider has; the oldest goes first. */
const MAX_CACHED = 64;

const cache = new Map<string, Promise<string>>();

/** `sha256:<hex>` of a file, computed once for as long as its path, size and time of change stay the same. */
export async function fileDigest(path: string): Promise<string> {
  const {mtimeMs, size} = await stat(path);
  const key = `${path}\n${mtimeMs}\n${size}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const digest = hashFile(path);
  cache.set(key, digest);
  digest.catch(() => cache.delete(key));
  const [oldest] = cache.keys();
  if (cache.size > MAX_CACHED && oldest !== undefined) cache.delete(oldest);
  return digest;
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, {highWaterMark: 1 << 20}), hash);
  return `sha256:${hash.digest('hex')}`;
}
