import {execFileSync} from 'node:child_process';
import path from 'node:path';

import {Wallet} from 'ethers';
import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {toHex} from '../../../src/lib/core/bytes.ts';
import {loadNativeEngine, loadNobleEngine} from '../../../src/lib/core/secp256k1-engines.ts';
import {
  addressFromBytes,
  addressToBytes,
  generatePaymentSecret,
  paymentKeyFromBytes,
  recoverAddress,
  secp256k1Engine,
} from '../../../src/lib/core/secp256k1.ts';

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const bytes32 = fc.uint8Array({minLength: 32, maxLength: 32});
const word = (value: bigint): Uint8Array => Uint8Array.from(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'));
const secret = fc.bigInt({min: 1n, max: ORDER - 1n}).map(word);

/** The other signature of the same key over the same digest, with s in the upper half. */
function toHighS(signature: Uint8Array): Uint8Array {
  const twin = Uint8Array.from(signature);
  twin.set(word(ORDER - BigInt(toHex(signature.subarray(32, 64)))), 32);
  twin[64] = signature[64] === 27 ? 28 : 27;
  return twin;
}

it('uses the native library here, and JavaScript where that does not load', () => {
  expect(secp256k1Engine).toBe('native');
  const hook = `import {registerHooks} from 'node:module';
    registerHooks({resolve(name, context, next) {
      if (name.startsWith('secp256k1')) throw new Error('no build for this machine');
      return next(name, context);
    }});`;
  const script = `import {secp256k1Engine, paymentKeyFromBytes, recoverAddress} from './src/lib/core/secp256k1.ts';
    const key = paymentKeyFromBytes(new Uint8Array(32).fill(9));
    const digest = new Uint8Array(32).fill(1);
    console.log(secp256k1Engine, key.address === recoverAddress(digest, key.sign(digest)));`;
  const printed = execFileSync(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(hook)}`, '--input-type=module', '--eval', script],
    {cwd: path.resolve(import.meta.dirname, '../../..'), encoding: 'utf8'},
  );
  expect(printed.trim()).toBe('noble true');
});

describe('both engines', async () => {
  const native = loadNativeEngine()!;
  const noble = await loadNobleEngine();

  it('make the same keys and signatures, and recover the same key', () => {
    fc.assert(
      fc.property(secret, bytes32, (key, digest) => {
        expect(toHex(noble.publicKey(key))).toBe(toHex(native.publicKey(key)));
        const signed = native.sign(digest, key);
        expect(noble.sign(digest, key)).toEqual(signed);
        for (const engine of [native, noble]) {
          expect(toHex(engine.recover(digest, signed.signature, signed.recovery))).toBe(toHex(native.publicKey(key)));
        }
      }),
      {numRuns: 60},
    );
  });

  it('agree on which bytes are a signature at all', () => {
    const outcome = (recover: () => Uint8Array): string => {
      try {
        return toHex(recover());
      } catch {
        return 'none';
      }
    };
    const scalar = fc.oneof(bytes32, fc.constantFrom(0n, 1n, ORDER - 1n, ORDER, 2n ** 256n - 1n).map(word));
    fc.assert(
      fc.property(scalar, scalar, fc.constantFrom(0, 1), bytes32, (r, s, recovery, digest) => {
        const signature = Uint8Array.from([...r, ...s]);
        expect(outcome(() => noble.recover(digest, signature, recovery))).toBe(
          outcome(() => native.recover(digest, signature, recovery)),
        );
      }),
      {numRuns: 100},
    );
  });

  it.each([0n, ORDER, 2n ** 256n - 1n])('refuse %d as a secret', (value) => {
    expect(native.isSecret(word(value))).toBe(false);
    expect(noble.isSecret(word(value))).toBe(false);
    expect(() => paymentKeyFromBytes(word(value))).toThrow(expect.objectContaining({code: 'PAYMENT_KEY_INVALID'}));
  });
});

describe('signatures', () => {
  it('are those of an Ethereum wallet', () => {
    fc.assert(
      fc.property(secret, bytes32, (key, digest) => {
        const wallet = new Wallet(toHex(key));
        const ours = paymentKeyFromBytes(key);
        expect(ours.address).toBe(wallet.address);
        expect(toHex(ours.sign(digest))).toBe(wallet.signingKey.sign(digest).serialized);
      }),
      {numRuns: 30},
    );
  });

  it('lead back to the address, and to another one for another digest', () => {
    fc.assert(
      fc.property(secret, bytes32, bytes32, (key, digest, other) => {
        fc.pre(toHex(digest) !== toHex(other));
        const {address, sign} = paymentKeyFromBytes(key);
        expect(recoverAddress(digest, sign(digest))).toBe(address);
        expect(recoverAddress(other, sign(digest))).not.toBe(address);
      }),
    );
  });

  it('with s in the upper half are refused, though the native library recovers from them', () => {
    const key = paymentKeyFromBytes(generatePaymentSecret());
    const digest = new Uint8Array(32).fill(7);
    const high = toHighS(key.sign(digest));
    const recovered = loadNativeEngine()!.recover(digest, high.subarray(0, 64), high[64]! - 27);
    expect(recovered).toHaveLength(64);
    expect(() => recoverAddress(digest, high)).toThrow(/upper half/);
  });

  it('have their s compared with exactly half the order', () => {
    const digest = new Uint8Array(32).fill(7);
    const r = paymentKeyFromBytes(new Uint8Array(32).fill(1)).sign(digest).subarray(0, 32);
    const withS = (s: bigint): Uint8Array => Uint8Array.from([...r, ...word(s), 27]);
    expect(() => recoverAddress(digest, withS(ORDER / 2n))).not.toThrow();
    expect(() => recoverAddress(digest, withS(ORDER / 2n + 1n))).toThrow(/upper half/);
  });

  it.each([0, 1, 26, 29, 255])('with v = %d are refused', (v) => {
    const digest = new Uint8Array(32).fill(7);
    const signature = paymentKeyFromBytes(new Uint8Array(32).fill(1)).sign(digest);
    signature[64] = v;
    expect(() => recoverAddress(digest, signature)).toThrow(expect.objectContaining({code: 'SIGNATURE_INVALID'}));
  });

  it('from anybody give an address or a clear error', () => {
    fc.assert(
      fc.property(fc.uint8Array({maxLength: 40}), fc.uint8Array({maxLength: 70}), (digest, signature) => {
        expect(() => recoverAddress(digest, signature)).toThrow(expect.objectContaining({code: 'SIGNATURE_INVALID'}));
      }),
    );
  });

  it('do not follow a secret that is overwritten later', () => {
    const own = generatePaymentSecret();
    const {address, sign} = paymentKeyFromBytes(own);
    own.fill(1);
    const digest = new Uint8Array(32).fill(7);
    expect(recoverAddress(digest, sign(digest))).toBe(address);
  });
});

describe('addresses', () => {
  it.each([
    '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
    '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359',
    '0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB',
    '0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb',
  ])('carry the checksum of EIP-55: %s', (address) => {
    const bytes = addressToBytes(address)!;
    expect(addressFromBytes(bytes)).toBe(address);
    expect(addressToBytes(address.toLowerCase())).toEqual(bytes);
    expect(addressToBytes(`0x${address.slice(2).toUpperCase()}`)).toEqual(bytes);
  });

  it.each(['', '0x', '0x12', '5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed', '0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed'])(
    'with a wrong length or checksum are none: %j',
    (text) => {
      expect(addressToBytes(text)).toBeUndefined();
    },
  );
});
