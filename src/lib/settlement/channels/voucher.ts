import {fromHex, toHex} from '../../core/bytes.ts';
import {QuiverError} from '../../core/errors.ts';
import {keccak256} from '../../core/keccak.ts';
import {addressFromBytes, addressToBytes, recoverAddress, SIGNATURE_BYTES} from '../../core/secp256k1.ts';
import type {Signer, TypedDataTypes} from '../../identity/signer.ts';
import {DOMAIN_NAME, DOMAIN_VERSION} from '../../records/eip712.ts';
import {structFromJson, structToJson} from '../../records/struct-codec.ts';
import {voucherDigest, voucherStruct, type Voucher} from '../../records/voucher.ts';

/** A contract that vouchers count with. */
export interface ChannelsContract {
  /** EIP-155. */
  chainId: number;
  /** EIP-55 address. */
  address: string;
}

/** Whose channel it is: what its id is made of. EIP-55 addresses. */
export interface ChannelParties {
  payer: string;
  /** Whose key signs the vouchers; mostly the payer. */
  signer: string;
  provider: string;
}

/** A voucher with all that is needed to redeem it: this is what a payer hands to a provider. */
export interface SignedVoucher {
  contract: ChannelsContract;
  parties: ChannelParties;
  voucher: Voucher;
  /** r‖s‖v. */
  signature: Uint8Array;
}

const VOUCHER_TYPES: TypedDataTypes = {
  [voucherStruct.name]: voucherStruct.entries.map(([field, kind]) => {
    const [type = '', name = ''] = kind.declare(field).split(' ');
    return {type, name};
  }),
};

/** Identity of a channel, 32 bytes, as `QUIVerChannels.channelId` computes it. Throws `CHANNEL_ADDRESS`. */
export function channelId({payer, signer, provider}: ChannelParties): Uint8Array {
  const words = new Uint8Array(3 * 32);
  for (const [index, address] of [payer, signer, provider].entries()) words.set(bytesOf(address), index * 32 + 12);
  return keccak256(words);
}

/** EIP-712 digest that the channel's signer signs; the domain is that of the channels contract. */
export function digestOf(voucher: Voucher, {chainId, address}: ChannelsContract): Uint8Array {
  return voucherDigest(voucher, {chainId, settlement: address});
}

/** Signs a voucher by whatever holds the key. Throws `VOUCHER_SIGNER` when it is not the channel's. */
export async function signVoucher(
  unsigned: Omit<SignedVoucher, 'signature'>,
  signer: Signer,
  signal: AbortSignal,
): Promise<SignedVoucher> {
  const {contract, parties, voucher} = unsigned;
  if (signer.address !== parties.signer) throw wrongSigner(parties.signer, signer.address);
  const domain = {
    name: DOMAIN_NAME,
    version: DOMAIN_VERSION,
    chainId: contract.chainId,
    verifyingContract: contract.address,
  };
  const message = structToJson(voucherStruct, voucher);
  const signature = fromHex(await signer.signTypedData(domain, VOUCHER_TYPES, message, signal), SIGNATURE_BYTES);
  const signed = {...unsigned, signature: signature ?? new Uint8Array()};
  checkVoucher(signed);
  return signed;
}

/** Throws `VOUCHER_INVALID` unless the channel's signer signed exactly this. */
export function checkVoucher({contract, parties, voucher, signature}: SignedVoucher): void {
  if (toHex(voucher.channelId) !== toHex(channelId(parties))) throw invalidVoucher('it names another channel');
  let by: string;
  try {
    by = recoverAddress(digestOf(voucher, contract), signature);
  } catch (error) {
    throw invalidVoucher('its signature is malformed', error);
  }
  if (by !== parties.signer) throw invalidVoucher(`${by} signed it instead of ${parties.signer}`);
}

/** r and, as ERC-2098 has it, s with the parity of v in its top bit. */
export function compactSignature(signature: Uint8Array): {r: string; vs: string} {
  const vs = Uint8Array.from(signature.subarray(32, 64));
  if (signature[64] === 28) vs[0] = (vs[0] ?? 0) | 0x80;
  return {r: toHex(signature.subarray(0, 32)), vs: toHex(vs)};
}

/** As a provider is handed it: plain JSON. */
export function voucherToJson({contract, parties, voucher, signature}: SignedVoucher): Record<string, unknown> {
  return {
    chainId: contract.chainId,
    contract: contract.address,
    ...parties,
    ...structToJson(voucherStruct, voucher),
    signature: toHex(signature),
  };
}

/** The longest voucher has about 900 characters. */
const MAX_VOUCHER_CHARACTERS = 4_096;

/** Reads what `voucherToJson` wrote and checks its signature. Throws `VOUCHER_INVALID`. */
export function voucherFromJson(text: string): SignedVoucher {
  if (text.length > MAX_VOUCHER_CHARACTERS) throw invalidVoucher('it is too long');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw invalidVoucher('it is not JSON', error);
  }
  if (typeof json !== 'object' || json === null) throw invalidVoucher('it is not an object');
  const fields = new Map<string, unknown>(Object.entries(json));
  const address = (name: string): string => {
    const value = fields.get(name);
    const bytes = typeof value === 'string' ? addressToBytes(value) : undefined;
    if (bytes === undefined) throw invalidVoucher(`${name} is not an address`);
    return addressFromBytes(bytes);
  };
  const chainId = fields.get('chainId');
  const signature = fields.get('signature');
  const bytes = typeof signature === 'string' ? fromHex(signature, SIGNATURE_BYTES) : undefined;
  if (!Number.isSafeInteger(chainId) || Number(chainId) < 1) throw invalidVoucher('chainId is not right');
  if (bytes === undefined) throw invalidVoucher('signature is not 65 bytes');
  const signed: SignedVoucher = {
    contract: {chainId: Number(chainId), address: address('contract')},
    parties: {payer: address('payer'), signer: address('signer'), provider: address('provider')},
    voucher: structFromJson(voucherStruct, json),
    signature: bytes,
  };
  checkVoucher(signed);
  return signed;
}

function bytesOf(address: string): Uint8Array {
  const bytes = addressToBytes(address);
  if (bytes !== undefined) return bytes;
  throw new QuiverError({
    code: 'CHANNEL_ADDRESS',
    message: `"${address}" is not an address`,
    fix: 'Write 0x and 40 hexadecimal digits, with the capitals as they were given to you or none.',
    exit: 2,
  });
}

function wrongSigner(wanted: string, has: string): QuiverError {
  return new QuiverError({
    code: 'VOUCHER_SIGNER',
    message: `Vouchers of this channel are signed by ${wanted}, and the wallet in use is ${has}`,
    fix: 'Choose the wallet that the channel was opened for: --wallet NAME',
  });
}

function invalidVoucher(fault: string, cause?: unknown): QuiverError {
  return new QuiverError({
    code: 'VOUCHER_INVALID',
    message: `The voucher is not valid: ${fault}`,
    fix: 'Ask the payer for it again, as `quiver channel pay --json` printed it.',
    cause,
  });
}
