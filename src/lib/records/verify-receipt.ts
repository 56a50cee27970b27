import {equalBytes, isZero} from '../core/bytes.ts';
import {QuiverError} from '../core/errors.ts';
import type {Bid} from './bid.ts';
import {bidDigest} from './bid.ts';
import type {Network} from './eip712.ts';
import {costOf, receiptSigner, RECEIPT_VERSION} from './receipt.ts';
import type {Receipt, SignedReceipt} from './receipt.ts';
import {CLOCK_SKEW_MS} from './record-error.ts';
import {matchesSaltedHash} from './salted-hash.ts';
import {sameAddress, sameNetwork} from './struct-codec.ts';

/** A provider measures spans with one clock and dates with another, which may be set back: by this much, in ms. */
const MEASURING_TOLERANCE_MS = 2_000;

/** What the verifier knows besides the receipt; whatever is absent is not compared. */
export interface ReceiptExpectations {
  network?: Network;
  requestId?: Uint8Array;
  client?: string;
  provider?: string;
  /** From the provider's manifest or from the bid. */
  paymentAddress?: string;
  /** The bid that was accepted. */
  offer?: Bid;
  /** An earlier receipt of the same request, whose counts may only grow. */
  earlier?: Receipt;
  /** Answers with the receipt of a digest when it is at hand, to check the chain. */
  findReceipt?: (digest: Uint8Array) => Receipt | undefined;
  /** The salt of this request, with the bytes of question or answer. */
  salt?: Uint8Array;
  request?: Uint8Array;
  response?: Uint8Array;
  /** Tokens that the client received; the receipt may count one more, as some engines count the end token. */
  tokensReceived?: number;
  /** ms since the epoch. */
  now?: number;
}

export interface ReceiptVerdict {
  ok: boolean;
  /** One sentence for each thing that is wrong, in plain words. */
  problems: string[];
}

/** Checks a receipt offline: signature, low-S, cost, ranges, times, and whatever is expected. Never throws. */
export function verifyReceipt(signed: SignedReceipt, expected: ReceiptExpectations = {}): ReceiptVerdict {
  const {receipt} = signed;
  const problems = [
    ...signatureProblems(signed),
    ...amountProblems(receipt),
    ...timeProblems(receipt, expected.now ?? Date.now()),
    ...partyProblems(receipt, expected),
    ...offerProblems(receipt, expected.offer),
    ...historyProblems(receipt, expected),
    ...textProblems(receipt, expected),
  ];
  return {ok: problems.length === 0, problems};
}

function signatureProblems(signed: SignedReceipt): string[] {
  try {
    const signer = receiptSigner(signed);
    if (sameAddress(signer, signed.receipt.paymentAddress)) return [];
    return [
      `The signature is not by the payment address ${signed.receipt.paymentAddress}: the receipt was changed, or somebody else signed it.`,
    ];
  } catch (error) {
    if (error instanceof QuiverError) return [error.message];
    throw error;
  }
}

function amountProblems(receipt: Receipt): string[] {
  const {tokensIn, cachedTokens, cost, finish, error, channelId, nonce, version} = receipt;
  const problems: string[] = [];
  const due = costOf(receipt);
  if (version !== RECEIPT_VERSION)
    problems.push(`The version is ${version}, and this program knows ${RECEIPT_VERSION}.`);
  if (cost !== due) problems.push(`The cost is ${cost} base units, but tokens times price are ${due}.`);
  if (cachedTokens > tokensIn) problems.push(`${cachedTokens} cached tokens are more than the ${tokensIn} tokens in.`);
  if (finish === 'error' && error === '') problems.push('It ended with an error that it does not name.');
  if (finish !== 'error' && error !== '') problems.push(`It names the error ${error} but did not end with one.`);
  if (isZero(channelId) !== (nonce === 0n)) problems.push('Only one of payment channel and nonce is set.');
  return problems;
}

function timeProblems(receipt: Receipt, now: number): string[] {
  const {startedAt, issuedAt, firstTokenMs, totalMs} = receipt;
  const problems: string[] = [];
  if (firstTokenMs > totalMs)
    problems.push(`The first token came after ${firstTokenMs} ms, later than the end at ${totalMs} ms.`);
  if (issuedAt + MEASURING_TOLERANCE_MS < startedAt + totalMs) {
    problems.push('It was signed before the request it describes had ended.');
  }
  if (issuedAt > now + CLOCK_SKEW_MS) {
    problems.push(`It was signed ${Math.round((issuedAt - now) / 1_000)} s in the future: one of the clocks is wrong.`);
  }
  return problems;
}

function partyProblems(receipt: Receipt, expected: ReceiptExpectations): string[] {
  const {network, requestId, client, provider, paymentAddress} = expected;
  const problems: string[] = [];
  if (network !== undefined && !sameNetwork(network, receipt.network)) {
    const {chainId, settlement} = receipt.network;
    problems.push(
      `It is for chain ${chainId} with settlement ${settlement}, not for chain ${network.chainId} with ${network.settlement}.`,
    );
  }
  if (requestId !== undefined && !equalBytes(requestId, receipt.requestId)) problems.push('It is for another request.');
  if (client !== undefined && client !== receipt.client)
    problems.push(`It names the client ${receipt.client}, not ${client}.`);
  if (provider !== undefined && provider !== receipt.provider) {
    problems.push(`It names the provider ${receipt.provider}, not ${provider}.`);
  }
  if (paymentAddress !== undefined && !sameAddress(paymentAddress, receipt.paymentAddress)) {
    problems.push(`It names the payment address ${receipt.paymentAddress}, not ${paymentAddress}.`);
  }
  return problems;
}

function offerProblems(receipt: Receipt, offer: Bid | undefined): string[] {
  if (offer === undefined) return [];
  const problems: string[] = [];
  if (!equalBytes(receipt.offerDigest, bidDigest(offer)))
    problems.push('It does not name the offer that was accepted.');
  if (receipt.priceIn !== offer.priceIn || receipt.priceOut !== offer.priceOut) {
    problems.push(
      `Its prices ${receipt.priceIn} in and ${receipt.priceOut} out are not the ${offer.priceIn} and ${offer.priceOut} offered.`,
    );
  }
  if (!sameAddress(receipt.asset, offer.asset)) problems.push('Its price is in another token than the one offered.');
  if (receipt.modelDigest !== offer.modelDigest) problems.push('It is for another model file than the one offered.');
  if (receipt.quantisation !== offer.quantisation)
    problems.push('It is for another quantisation than the one offered.');
  return [
    ...problems,
    ...partyProblems(receipt, {network: offer.network, provider: offer.provider, paymentAddress: offer.paymentAddress}),
  ];
}

function historyProblems(receipt: Receipt, {earlier, findReceipt}: ReceiptExpectations): string[] {
  const problems: string[] = [];
  if (earlier !== undefined) {
    const shrunk = (['sequence', 'tokensIn', 'tokensOut', 'bytesOut'] as const).filter(
      (field) => receipt[field] < earlier[field],
    );
    if (shrunk.length > 0)
      problems.push(`It takes back what an earlier receipt of the request said: ${shrunk.join(', ')}.`);
  }
  const previous = isZero(receipt.previous) ? undefined : findReceipt?.(receipt.previous);
  if (previous !== undefined) {
    if (previous.client !== receipt.client || previous.provider !== receipt.provider) {
      problems.push('The previous receipt that it names is between others.');
    }
    if (previous.issuedAt > receipt.issuedAt + MEASURING_TOLERANCE_MS)
      problems.push('It is older than the previous receipt that it names.');
  }
  return problems;
}

function textProblems(receipt: Receipt, {salt, request, response, tokensReceived}: ReceiptExpectations): string[] {
  const problems: string[] = [];
  if (salt === undefined && (request !== undefined || response !== undefined)) {
    problems.push('The text cannot be compared: the salt of this request is not known here.');
  }
  if (salt !== undefined && request !== undefined && !matchesSaltedHash(receipt.requestHash, salt, request)) {
    problems.push('The request is not the one that was signed for: its salted hash differs.');
  }
  if (response !== undefined) {
    if (salt !== undefined && !matchesSaltedHash(receipt.responseHash, salt, response)) {
      problems.push('The answer is not the one that was signed for: its salted hash differs.');
    }
    if (response.length !== receipt.bytesOut) {
      problems.push(`The answer has ${response.length} bytes, and the receipt counts ${receipt.bytesOut}.`);
    }
  }
  if (tokensReceived !== undefined && receipt.tokensOut > tokensReceived + 1) {
    problems.push(`It counts ${receipt.tokensOut} tokens of answer, and ${tokensReceived} came.`);
  }
  return problems;
}
