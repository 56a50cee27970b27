import {X509Certificate} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {stat} from 'node:fs/promises';
import {createSecureContext} from 'node:tls';

import {EXIT, QuiverError} from './errors.ts';
import {readAll} from './read-all.ts';
import {explainFileError} from './system-error.ts';

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

/** PEM. */
export interface Certificate {
  cert: string;
  key: string;
}

export interface LoadedCertificate extends Certificate {
  expiresAt: Date;
}

/**
 * Reads and checks both. Errors: those of the file system, and TLS_CERTIFICATE_BROKEN where they are not PEM, don't go
 * together or are over.
 */
export async function loadCertificate(files: CertificateFiles): Promise<LoadedCertificate> {
  let certificate: LoadedCertificate;
  try {
    const [cert, key] = await Promise.all([read(files.certFile), read(files.keyFile)]);
    // OpenSSL compares the two here.
    createSecureContext({cert, key});
    certificate = {cert, key, expiresAt: new Date(new X509Certificate(cert).validTo)};
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw explainFileError(error) ?? broken(files, `they can't be used together: ${why}`, error);
  }
  const {expiresAt} = certificate;
  if (expiresAt.getTime() <= Date.now())
    throw broken(files, `the certificate was valid until ${expiresAt.toISOString()}`);
  return certificate;
}

export interface CertificateHooks {
  onChange: (certificate: LoadedCertificate) => void;
  onFault: (error: unknown) => void;
  /** @default 10000 */
  pollMs?: number | undefined;
}

/**
 * Watches both files, also through symbolic links and renames as ACME clients do them, and hands over what is new when
 * it is whole; until then the old one stays, and `onFault` hears why, once for each change.
 */
export class CertificateWatcher {
  readonly #files: CertificateFiles;
  readonly #hooks: CertificateHooks;
  readonly #timer: NodeJS.Timeout;
  #current: Certificate;
  /** Of the files as they were last read, and as they last were no good. */
  #read: string | undefined;
  #faulty: string | undefined;
  #busy = false;
  #stopped = false;

  /** `current`: what the files held when they were loaded. */
  constructor(files: CertificateFiles, current: Certificate, hooks: CertificateHooks) {
    this.#files = files;
    this.#current = current;
    this.#hooks = hooks;
    this.#timer = setInterval(() => void this.#poll(), hooks.pollMs ?? POLL_MS);
    this.#timer.unref();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  async #poll(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    const now = `${await fingerprint(this.#files.certFile)} ${await fingerprint(this.#files.keyFile)}`;
    try {
      if (now !== this.#read) this.#take(await loadCertificate(this.#files));
      this.#read = now;
    } catch (error) {
      if (!this.#stopped && now !== this.#faulty) this.#hooks.onFault(error);
      this.#faulty = now;
    } finally {
      this.#busy = false;
    }
  }

  #take(next: LoadedCertificate): void {
    const {cert, key} = this.#current;
    if (this.#stopped || (next.cert === cert && next.key === key)) return;
    this.#current = next;
    this.#hooks.onChange(next);
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
  const tooLong = (): Error => new RangeError(`${file} is too long for a certificate or a key`);
  return (await readAll(createReadStream(file), FILE_LIMIT_BYTES, tooLong)).toString();
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
