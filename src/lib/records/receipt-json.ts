import {fromHex, toHex} from '../core/bytes.ts';
import {addressToBytes, SIGNATURE_BYTES} from '../core/secp256k1.ts';
import {DOMAIN_NAME, DOMAIN_VERSION, isChainId} from './eip712.ts';
import type {JsonField} from './field-kinds.ts';
import {receiptDigest, RECEIPT_VERSION, receiptStruct} from './receipt.ts';
import type {SignedReceipt} from './receipt.ts';
import {invalidRecord} from './record-error.ts';
import {structFromJson, structToJson} from './struct-codec.ts';

export const RECEIPT_JSON_TYPE = 'quiver.receipt.v1';

/** A receipt for other programs: all that is needed to check it. */
export interface ReceiptJson {
  type: typeof RECEIPT_JSON_TYPE;
  /** EIP-712 digest, the receipt's identity. */
  digest: string;
  domain: {name: string; version: string; chainId: number; verifyingContract: string};
  /** Every signed field: bytes as `0x` hex, integers past 32 bits as decimal strings, times in ms, peer ids as text. */
  receipt: Record<string, JsonField>;
  /** 65 bytes r‖s‖v. */
  signature: string;
}

export function receiptToJson(signed: SignedReceipt): ReceiptJson {
  const {receipt, signature} = signed;
  return {
    type: RECEIPT_JSON_TYPE,
    digest: toHex(receiptDigest(receipt)),
    domain: {
      name: DOMAIN_NAME,
      version: DOMAIN_VERSION,
      chainId: receipt.network.chainId,
      verifyingContract: receipt.network.settlement,
    },
    receipt: structToJson(receiptStruct, receipt),
    signature: toHex(signature),
  };
}

/** Reads what `receiptToJson` gives, after `JSON.parse`. Throws `RECORD_INVALID` naming what is wrong. */
export function receiptFromJson(json: unknown): SignedReceipt {
  const {type, domain, receipt, signature, digest} = asObject(json, 'the JSON');
  if (type !== RECEIPT_JSON_TYPE) throw invalidRecord('receipt', `its type is not ${RECEIPT_JSON_TYPE}`);
  const fields = structFromJson(receiptStruct, asObject(receipt, 'its field receipt'));
  if (fields.version !== RECEIPT_VERSION) throw invalidRecord('receipt', `its version is not ${RECEIPT_VERSION}`);
  const bytes = typeof signature === 'string' ? fromHex(signature, SIGNATURE_BYTES) : undefined;
  if (bytes === undefined)
    throw invalidRecord('receipt', `its signature is not 0x and ${SIGNATURE_BYTES} bytes of hex`);
  const signed = {receipt: {...fields, network: networkFromDomain(domain)}, signature: bytes};
  if (digest !== undefined && digest !== toHex(receiptDigest(signed.receipt))) {
    throw invalidRecord('receipt', 'its fields do not have the digest that it names, so they were changed');
  }
  return signed;
}

function networkFromDomain(json: unknown): {chainId: number; settlement: string} {
  const {name, version, chainId, verifyingContract} = asObject(json, 'its field domain');
  if (name !== DOMAIN_NAME || version !== DOMAIN_VERSION) {
    throw invalidRecord('receipt', `its domain is not ${DOMAIN_NAME} version ${DOMAIN_VERSION}`);
  }
  if (!isChainId(chainId)) throw invalidRecord('receipt', 'its domain.chainId is not a chain id');
  if (typeof verifyingContract !== 'string' || addressToBytes(verifyingContract) === undefined) {
    throw invalidRecord('receipt', 'its domain.verifyingContract is not an address');
  }
  return {chainId, settlement: verifyingContract};
}

function asObject(json: unknown, what: string): Record<string, unknown> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw invalidRecord('receipt', `${what} is not an object`);
  }
  return {...json};
}
