import {X509Certificate} from 'node:crypto';
import {readFile, stat} from 'node:fs/promises';
import {createSecureContext} from 'node:tls';

import {EXIT, QuiverError} from '../../core/errors.ts';
import {explainFileError} from '../../core/system-error.ts';
import type {Certificate} from './stream/stream-options.ts';

/** Certificates are replaced weeks before they expire; asking the file system costs nothing to speak of. */
const POLL_MS = 10_000;
/** A chain of certificates, or a key. */
const FILE_LIMIT_BYTES = 256 * 1024;

export interface CertificateFiles {
  /** PEM, the server's certificate first, then its chain. */
  certFile: string;
  /** PEM. */
  keyFile: string;
}

export interface LoadedCertificate extends Certificate {
  expiresAt: Date;
}

/**
 * Reads and checks both. Errors: those of the file system, and TLS_CERTIFICATE_BROKEN where they are not PEM, don't go
 * together or are over.
 */
export async function loadCertificate(files: CertificateFiles): Promise<LoadedCertificate> {
  const [cert, key] = await Promise.all([read(files.certFile), read(files.keyFile)]);
  let expiresAt: Date;
  try {
    // OpenSSL compares the two here.
    createSecureContext({cert, key});
    expiresAt = new Date(new X509Certificate(cert).validTo);
  } catch (error) {
    throw broken(
      files,
      `they can't be used together: ${error instanceof Error ? error.message : String(error)}`,
      error,
    );
  }
  if (expiresAt.getTime() <= Date.now())
    throw broken(files, `the certificate was valid until ${expiresAt.toISOString()}`);
  return {cert, key, expiresAt};
}

/**
 * Watches both files, also through symbolic links and renames as ACME clients do them, and hands over what has changed
 * when it is whole; until then the old one stays, and `onFault` hears why, once for each change.
 */
export class CertificateWatcher {
  readonly #files: CertificateFiles;
  readonly #onChange: (certificate: LoadedCertificate) => void;
  readonly #onFault: (error: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  #seen: string | undefined;
  #busy = false;

  constructor(
    files: CertificateFiles,
    hooks: {onChange: (certificate: LoadedCertificate) => void; onFault: (error: unknown) => void; pollMs?: number},
  ) {
    this.#files = files;
    this.#onChange = hooks.onChange;
    this.#onFault = hooks.onFault;
    this.#timer = setInterval(() => void this.#poll(), hooks.pollMs ?? POLL_MS);
    this.#timer.unref();
    void this.#poll();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #poll(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const now = `${await fingerprint(this.#files.certFile)} ${await fingerprint(this.#files.keyFile)}`;
      const before = this.#seen;
      this.#seen = now;
      if (before !== undefined && before !== now) this.#onChange(await loadCertificate(this.#files));
    } catch (error) {
      this.#onFault(error);
    } finally {
      this.#busy = false;
    }
  }
}

/** What changes with a file, or with what a link points to. */
async function fingerprint(file: string): Promise<string> {
  try {
    const {dev, ino, size, mtimeMs} = await stat(file);
    return `${dev}.${ino}.${size}.${mtimeMs}`;
  } catch {
    return 'missing';
  }
}

async function read(file: string): Promise<string> {
  try {
    const text = await readFile(file, 'utf8');
    if (text.length > FILE_LIMIT_BYTES) throw new RangeError(`${file} is too long for a certificate or a key`);
    return text;
  } catch (error) {
    throw explainFileError(error) ?? error;
  }
}

function broken({certFile, keyFile}: CertificateFiles, why: string, cause?: unknown): QuiverError {
  return new QuiverError({
    code: 'TLS_CERTIFICATE_BROKEN',
    message: `The certificate ${certFile} and the key ${keyFile} do not serve: ${why}`,
    fix: `Look at it: openssl x509 -in '${certFile}' -noout -subject -dates`,
    exit: EXIT.usage,
    cause,
  });
}
