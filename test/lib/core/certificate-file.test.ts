import {copyFileSync, writeFileSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';

import {afterEach, describe, expect, it, vi} from 'vitest';

import {CertificateWatcher, loadCertificate} from '../../../src/lib/core/certificate-file.ts';
import type {CertificateFiles, LoadedCertificate} from '../../../src/lib/core/certificate-file.ts';
import {writeCertificate} from '../../support/lab/certificate.ts';
import {temporaryFolder} from '../../support/temporary-folder.ts';

const POLL_MS = 10;

const watchers: CertificateWatcher[] = [];
afterEach(() => watchers.splice(0).forEach((watcher) => watcher.stop()));

function watch(files: CertificateFiles, current: LoadedCertificate) {
  const [changes, faults]: [LoadedCertificate[], unknown[]] = [[], []];
  const hooks = {
    onChange: (next: LoadedCertificate) => void changes.push(next),
    onFault: (error: unknown) => void faults.push(error),
    pollMs: POLL_MS,
  };
  watchers.push(new CertificateWatcher(files, current, hooks));
  return {changes, faults};
}

describe('loadCertificate', () => {
  it('reads both, and when it is over', async () => {
    const {cert, key, expiresAt} = await loadCertificate(writeCertificate(temporaryFolder()));
    expect([cert, key]).toEqual([expect.stringContaining('CERTIFICATE'), expect.stringContaining('PRIVATE KEY')]);
    expect(expiresAt.getTime()).toBeGreaterThan(Date.now());
  });

  it.each<[string, (files: CertificateFiles) => CertificateFiles, string]>([
    ['that is missing', (files) => ({...files, certFile: '/nowhere/cert.pem'}), 'FILE_MISSING'],
    ['that is a folder', (files) => ({...files, keyFile: temporaryFolder()}), 'TLS_CERTIFICATE_BROKEN'],
    ['of another key', (files) => ({...files, keyFile: other().keyFile}), 'TLS_CERTIFICATE_BROKEN'],
    ['without an end', (files) => ({...files, certFile: '/dev/zero'}), 'TLS_CERTIFICATE_BROKEN'],
    ['that is no PEM', (files) => (writeFileSync(files.certFile, 'x'), files), 'TLS_CERTIFICATE_BROKEN'],
    ['that is over', () => writeCertificate(temporaryFolder(), {lifetimeMs: -1_000}), 'TLS_CERTIFICATE_BROKEN'],
  ])('takes no file %s', async (_what, spoil, code) => {
    const files = spoil(writeCertificate(temporaryFolder()));
    await expect(loadCertificate(files)).rejects.toMatchObject({code});
  });
});

describe('CertificateWatcher', () => {
  it('hands over what is new and whole, and says once why it is not', async () => {
    const files = writeCertificate(temporaryFolder());
    const {changes, faults} = watch(files, await loadCertificate(files));
    const renewed = other();
    copyFileSync(renewed.certFile, files.certFile);
    await vi.waitFor(() => expect(faults).toHaveLength(1));
    await sleep(5 * POLL_MS);
    expect([changes.length, faults.length]).toEqual([0, 1]);
    copyFileSync(renewed.keyFile, files.keyFile);
    await vi.waitFor(() => expect(changes).toHaveLength(1));
    expect(changes[0]).toEqual(await loadCertificate(renewed));
  });

  it('sees what was replaced between the loading and the watching, and passes over what is written again', async () => {
    const files = writeCertificate(temporaryFolder());
    const before = await loadCertificate(files);
    const renewed = other();
    copyFileSync(renewed.certFile, files.certFile);
    copyFileSync(renewed.keyFile, files.keyFile);
    const {changes} = watch(files, before);
    await vi.waitFor(() => expect(changes).toHaveLength(1));
    copyFileSync(renewed.certFile, files.certFile);
    await sleep(5 * POLL_MS);
    expect(changes).toHaveLength(1);
  });
});

function other(): CertificateFiles {
  return writeCertificate(temporaryFolder());
}
