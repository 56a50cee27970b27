import {readFile} from 'node:fs/promises';
import {createSecureContext} from 'node:tls';

import {EXIT, QuiverError} from '../core/errors.ts';
import {explainFileError} from '../core/system-error.ts';
import type {Logger} from '../observability/logger.ts';

/** Certificates are renewed weeks before they end. */
const LOOK_INTERVAL_MS = 30_000;

export interface CertificateFiles {
  /** PEM, the whole chain. */
  certFile: string;
  /** PEM. */
  keyFile: string;
}

export interface Certificate {
  cert: Buffer;
  key: Buffer;
}

/** Throws TLS_FILES when the two don't go together, and what the system says of the files. */
export async function loadCertificate({certFile, keyFile}: CertificateFiles): Promise<Certificate> {
  try {
    const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
    createSecureContext({cert, key});
    return {cert, key};
  } catch (error) {
    throw explainFileError(error) ?? unfit(certFile, keyFile, error);
  }
}

/** Looks now and then whether the files have changed, and hands over what they hold then. */
export function watchCertificate(
  files: CertificateFiles,
  loaded: Certificate,
  log: Logger,
  changed: (certificate: Certificate) => void,
  intervalMs = LOOK_INTERVAL_MS,
): NodeJS.Timeout {
  let current = loaded;
  const look = async (): Promise<void> => {
    try {
      const next = await loadCertificate(files);
      if (next.cert.equals(current.cert) && next.key.equals(current.key)) return;
      current = next;
      changed(next);
      log.info({file: files.certFile}, 'the certificate was renewed');
    } catch (error) {
      // Half of a renewal, or a mistake in one: what was loaded goes on working.
      log.warn({err: error}, 'the new certificate can not be used');
    }
  };
  return setInterval(() => void look(), intervalMs).unref();
}

function unfit(certFile: string, keyFile: string, cause: unknown): QuiverError {
  return new QuiverError({
    code: 'TLS_FILES',
    message: `${certFile} and ${keyFile} are not a certificate and its key in PEM`,
    fix: `openssl x509 -in '${certFile}' -noout -subject && openssl pkey -in '${keyFile}' -noout`,
    exit: EXIT.usage,
    cause,
  });
}
