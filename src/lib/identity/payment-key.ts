import {generatePaymentSecret, paymentKeyFromBytes, type PaymentKey} from '../core/secp256k1.ts';
import {createPrivateFile} from '../core/private-file.ts';
import {damagedKey, readKeyFile} from './key-file.ts';

/** 32 bytes in hex, as wallets export them, with or without 0x. */
const SECRET_HEX = /^(?:0x)?([0-9a-fA-F]{64})$/;

/** The secp256k1 payment key kept in a file (hex, 0600), made on first use; the same rules as for a peer key. */
export async function loadOrCreatePaymentKey(path: string): Promise<PaymentKey> {
  const stored = await loadPaymentKey(path);
  if (stored !== undefined) return stored;
  const secret = generatePaymentSecret();
  if (await createPrivateFile(path, `${Buffer.from(secret).toString('hex')}\n`)) return paymentKeyFromBytes(secret);
  return (await loadPaymentKey(path)) ?? loadOrCreatePaymentKey(path);
}

/** The payment key kept in a file; undefined when there is no such file. */
export async function loadPaymentKey(path: string): Promise<PaymentKey | undefined> {
  const bytes = await readKeyFile(path);
  if (bytes === undefined) return undefined;
  const hex = SECRET_HEX.exec(Buffer.from(bytes).toString('latin1').trim())?.[1];
  if (hex === undefined) throw damagedKey(path, 'it is not 32 bytes in hex');
  try {
    return paymentKeyFromBytes(Buffer.from(hex, 'hex'));
  } catch (error) {
    throw damagedKey(path, 'it is not a secp256k1 key', error);
  }
}
