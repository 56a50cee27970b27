import {readFileSync} from 'node:fs';
import {getCACertificates, setDefaultCACertificates} from 'node:tls';

import {onTestFinished} from 'vitest';

import type {CertificateFiles} from '../../src/lib/core/certificate-file.ts';

/** Makes this process trust a certificate until the test ends. */
export function trust({certFile}: CertificateFiles): void {
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, readFileSync(certFile, 'utf8')]);
  onTestFinished(() => setDefaultCACertificates(before));
}
