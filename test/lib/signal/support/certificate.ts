import {generateKeyPairSync, sign} from 'node:crypto';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {getCACertificates, setDefaultCACertificates} from 'node:tls';

import {onTestFinished} from 'vitest';

import type {CertificateFiles} from '../../../../src/lib/signal/certificate.ts';

const DAY_MS = 86_400_000;

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'quiver-signal-'));
  onTestFinished(() => rmSync(path, {recursive: true}));
  return path;
}

/** A certificate for 127.0.0.1 and localhost, signed by itself, with its key. */
export function makeCertificate(folder: string, name: string): CertificateFiles & {pem: string} {
  const {privateKey, publicKey} = generateKeyPairSync('ec', {namedCurve: 'P-256'});
  const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));
  const issuer = sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(name)))));
  const validity = sequence(time(Date.now() - DAY_MS), time(Date.now() + DAY_MS));
  const names = sequence(der(0x82, Buffer.from('localhost')), der(0x87, Buffer.of(127, 0, 0, 1)));
  const extensions = der(0xa3, sequence(sequence(oid('551d11'), der(0x04, names))));
  const toSign = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.of(1)),
    ecdsaWithSha256,
    issuer,
    validity,
    issuer,
    publicKey.export({type: 'spki', format: 'der'}),
    extensions,
  );
  const signature = Buffer.concat([Buffer.of(0), sign('sha256', toSign, privateKey)]);
  const bytes = sequence(toSign, ecdsaWithSha256, der(0x03, signature));
  const pem = `-----BEGIN CERTIFICATE-----\n${bytes.toString('base64')}\n-----END CERTIFICATE-----\n`;
  const files = {certFile: join(folder, `${name}.pem`), keyFile: join(folder, `${name}.key`)};
  writeFileSync(files.certFile, pem);
  writeFileSync(files.keyFile, privateKey.export({type: 'pkcs8', format: 'pem'}));
  return {...files, pem};
}

/** Makes this process trust a certificate until the test ends. */
export function trust(pem: string): void {
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, pem]);
  onTestFinished(() => setDefaultCACertificates(before));
}

/** X.690 section 8.1 */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const {length} = content;
  const header = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...header), content]);
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts);

const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));

/** UTCTime, RFC 5280 section 4.1.2.5.1. */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/\D/g, '').slice(2, 14);
  return der(0x17, Buffer.from(`${digits}Z`));
}
