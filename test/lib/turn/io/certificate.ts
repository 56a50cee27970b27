import {readFileSync} from 'node:fs';

import type {Certificate} from '../../../../src/lib/core/certificate-file.ts';
import {writeCertificate} from '../../../support/lab/certificate.ts';
import {temporaryFolder} from '../../../support/temporary-folder.ts';

/** A self-signed certificate. */
export function makeCertificate(name: string): Certificate {
  const {certFile, keyFile} = writeCertificate(temporaryFolder(), {name});
  return {cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8')};
}
