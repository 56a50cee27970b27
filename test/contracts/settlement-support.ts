import {concat, getAddress, hexlify, keccak256, AbiCoder, Signature, toBeHex, TypedDataEncoder} from 'ethers';
import type {Wallet} from 'ethers';

import {closeStruct, mandateStruct, voucherStruct} from '../../src/lib/records/voucher.ts';
import {receiptStruct} from '../../src/lib/records/receipt.ts';

const coder = AbiCoder.defaultAbiCoder();

/** The types as a wallet is given them, from the type string alone. */
export function typesOf(type: string): Record<string, {name: string; type: string}[]> {
  const [, name = '', members = ''] = /^(\w+)\((.*)\)$/.exec(type) ?? [];
  return {[name]: members.split(',').map((member) => ({type: member.split(' ')[0]!, name: member.split(' ')[1]!}))};
}

export const TYPES = {
  receipt: typesOf(receiptStruct.type),
  voucher: typesOf(voucherStruct.type),
  close: typesOf(closeStruct.type),
  mandate: typesOf(mandateStruct.type),
};

export const domainOf = (chainId: number | bigint, verifyingContract: string): object => ({
  name: 'quiver',
  version: '1',
  chainId,
  verifyingContract,
});

export function channelId(payer: string, signer: string, provider: string): string {
  return keccak256(coder.encode(['address', 'address', 'address'], [payer, signer, provider]));
}

/** Signs typed data and gives the two words of ERC-2098. */
export function signCompact(wallet: Wallet, domain: object, types: (typeof TYPES)['voucher'], value: object) {
  const digest = TypedDataEncoder.hash(domain, types, value);
  const {r, yParityAndS} = Signature.from(wallet.signingKey.sign(digest));
  return {digest, r, vs: yParityAndS};
}

/** One packed voucher, as QUIVerChannels reads them. */
export function packVoucher(item: {
  payer: string;
  signer?: string;
  nonce: bigint;
  balance: bigint;
  r: string;
  vs: string;
}): string {
  const own = item.signer !== undefined && getAddress(item.signer) !== getAddress(item.payer);
  const balance = own ? item.balance | (1n << 95n) : item.balance;
  const parts = [item.payer, toBeHex(item.nonce, 3), toBeHex(balance, 12), item.r, item.vs];
  return hexlify(concat(own ? [...parts, item.signer ?? ''] : parts));
}

const double = (types: string[], values: unknown[]): string => keccak256(keccak256(coder.encode(types, values)));
const kind = (text: string): string => keccak256(Buffer.from(text));

export function payoutLeaf(provider: string, cumulative: bigint): string {
  const payout = kind('quiver payout(bytes32 kind,address provider,uint256 cumulative)');
  return double(['bytes32', 'address', 'uint256'], [payout, provider, cumulative]);
}

export function receiptLeaf(index: number, digest: string, signature: string): string {
  const receipt = kind('quiver receipt(bytes32 kind,uint256 index,bytes32 digest,bytes32 signatureHash)');
  return double(['bytes32', 'uint256', 'bytes32', 'bytes32'], [receipt, index, digest, keccak256(signature)]);
}

const sorted = (a: string, b: string): string => keccak256(a < b ? concat([a, b]) : concat([b, a]));

/** Root over a leaf as if it had so many siblings on its way up: what a large tree costs, without building it. */
function deepTree(leaf: string, depth: number): {root: string; proof: string[]} {
  const proof = Array.from({length: depth}, (_, level) => keccak256(toBeHex(level + 1, 32)));
  return {proof, root: proof.reduce(sorted, leaf)};
}

/** Two leaves under one root, each with a proof of the same depth. */
export function deepPair(first: string, second: string, depth: number): {root: string; proofs: [string[], string[]]} {
  const {proof, root} = deepTree(sorted(first, second), depth - 1);
  return {
    root,
    proofs: [
      [second, ...proof],
      [first, ...proof],
    ],
  };
}
