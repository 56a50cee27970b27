import type {Config} from '../config/config.ts';
import {EXIT, QuiverError} from '../core/errors.ts';

/** The certificate of a service and its key; none where none is named. Throws TLS_FILES when one of the two is missing. */
export function tlsFiles(
  section: 'stun' | 'turn' | 'signal',
  config: Config,
): {certFile: string; keyFile: string} | undefined {
  const [certFile, keyFile] = [config.get(`${section}.tls_cert`), config.get(`${section}.tls_key`)];
  if (certFile !== undefined && keyFile !== undefined) return {certFile, keyFile};
  if (certFile === keyFile) return undefined;
  throw new QuiverError({
    code: 'TLS_FILES',
    message: 'A certificate goes with its key, and only one of them is named',
    fix: `Name both: --tls-cert FILE --tls-key FILE (${section}.tls_cert, ${section}.tls_key)`,
    exit: EXIT.usage,
  });
}
