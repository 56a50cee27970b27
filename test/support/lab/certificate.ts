import {generateKeyPairSync, randomBytes, sign} from 'node:crypto';
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';

const HOUR_MS = 3_600_000;

/** Writes a self-signed P-256 certificate (RFC 5280) for a name and an IPv4 address into a folder, good for a day. */
export function writeCertificate(
  folder: string,
  {name = 'turn.example', address = '127.0.0.1', lifetimeMs = 24 * HOUR_MS} = {},
): {certFile: string; keyFile: string} {
  const {publicKey, privateKey} = generateKeyPairSync('ec', {namedCurve: 'P-256'});
  const ecdsaWithSha256 = sequence(objectId('2a8648ce3d040302'));
  const subject = sequence(der(0x31, sequence(objectId('550403'), der(0x0c, Buffer.from(name)))));
  const names = sequence(der(0x82, Buffer.from(name)), der(0x87, Buffer.from(address.split('.').map(Number))));
  const body = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])),
    ecdsaWithSha256,
    subject,
    sequence(time(Date.now() - HOUR_MS), time(Date.now() + lifetimeMs)),
    subject,
    publicKey.export({type: 'spki', format: 'der'}),
    der(0xa3, sequence(sequence(objectId('551d11'), der(0x04, names)))),
  );
  const signature = sign('sha256', body, privateKey);
  const certificate = sequence(body, ecdsaWithSha256, der(0x03, Buffer.of(0), signature));
  const certFile = join(folder, 'cert.pem');
  const keyFile = join(folder, 'key.pem');
  const lines = certificate
    .toString('base64')
    .match(/.{1,64}/g)
    ?.join('\n');
  writeFileSync(certFile, `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`);
  writeFileSync(keyFile, privateKey.export({type: 'pkcs8', format: 'pem'}), {mode: 0o600});
  return {certFile, keyFile};
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const {length} = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const objectId = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
const time = (ms: number): Buffer =>
  der(0x18, Buffer.from(`${new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`));
