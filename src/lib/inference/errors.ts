import {EXIT, QuiverError} from '../core/errors.ts';
import type {NamedPeer} from '../p2p/rejoin.ts';

const LISTED_MODELS = 20;

/** `tried`: the peers to join through, and why that failed. */
export function noPeers(tried: readonly NamedPeer[]): QuiverError {
  const [first] = tried;
  const reason = first?.lastError ?? 'it ended the connection at once';
  // Certificates of libp2p are valid from an hour before they are made: whose clock is further behind refuses.
  const isClock = first !== undefined && (first.lastError === undefined || reason.includes('not valid yet'));
  return new QuiverError({
    code: 'NO_PEERS',
    message: `This node is connected to nobody${first === undefined ? '' : `; ${first.address}: ${reason}`}`,
    fix: isClock
      ? 'Compare `date -u` with a clock you trust: nodes refuse each other when their clocks are an hour apart.'
      : 'Start a network here with: quiver up; or join one with: --bootstrap /ip4/<address>/tcp/4001/p2p/<peer id>',
  });
}

export function noProvider(model: string, known: readonly string[]): QuiverError {
  const names = known.slice(0, LISTED_MODELS).join(', ');
  const what = model === '' ? 'Nobody on this network serves any model' : `Nobody on this network serves ${model}`;
  return new QuiverError({
    code: 'NO_PROVIDER_FOR_MODEL',
    message: names === '' ? what : `${what}; there are: ${names}`,
    fix:
      names === ''
        ? 'Serve one: quiver provider start'
        : `Take one of them with --model ${known[0]}, or leave --model out.`,
  });
}

/** Providers are known, and none has said anything. */
export function noOffer(model: string, known: number): QuiverError {
  const who = known === 1 ? 'The one provider' : `None of the ${known} providers`;
  const what = model === '' ? '' : ` of ${model}`;
  return new QuiverError({
    code: 'NO_OFFER',
    message: `${who}${what} that this node knows of has ${known === 1 ? 'not ' : ''}made an offer in time`,
    fix: 'Ask again in a moment. Look at your connections with: quiver network peers',
  });
}

export function tooMuchAsked(): QuiverError {
  return new QuiverError({
    code: 'REQUEST_TOO_LARGE',
    message: 'Every provider of this model refuses a prompt or an answer of this length',
    fix: 'Ask for a shorter answer with --max-tokens 1024, or shorten the prompt.',
  });
}

export function priceTooHigh(message: string): QuiverError {
  return new QuiverError({
    code: 'PRICE_TOO_HIGH',
    message,
    fix: 'Raise --max-price, lower --max-tokens, or look for a cheaper model with: quiver models',
  });
}

export function providerBusy(retryAfterMs: number): QuiverError {
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  return new QuiverError({
    code: 'PROVIDER_BUSY',
    message: 'Every provider of this model has its hands full',
    fix: `Ask again in ${seconds} s.`,
  });
}

export function providerLost(provider: string, receipt: string | undefined): QuiverError {
  const kept = receipt === undefined ? 'no receipt had come yet' : `its last receipt is ${receipt}`;
  return new QuiverError({
    code: 'PROVIDER_LOST',
    message: `The provider ${provider} went away in the middle of its answer; ${kept}`,
    fix: 'Ask again: another provider will be chosen. What was made until then: quiver receipts list',
  });
}

export function providerUnreachable(provider: string, cause: unknown): QuiverError {
  return new QuiverError({
    code: 'PROVIDER_UNREACHABLE',
    message: `The provider ${provider} can't be reached`,
    fix: 'Ask again: another provider will be chosen. Look at your connections with: quiver network peers',
    cause,
  });
}

export function providerLied(provider: string, problem: string): QuiverError {
  return new QuiverError({
    code: 'RECEIPT_INVALID',
    message: `The provider ${provider} signed for something else than it delivered: ${problem}`,
    fix: 'Ask again: this provider is avoided from now on.',
    exit: EXIT.refused,
  });
}

export function providerFailed(code: string, message: string): QuiverError {
  return new QuiverError({
    code,
    message: `The provider refused or failed: ${message}`,
    fix: FIXES.get(code) ?? 'Ask again: another provider will be chosen if there is one (quiver models shows them).',
  });
}

const FIXES = new Map([
  ['TOO_MANY_TOKENS', 'Ask for a shorter answer with --max-tokens 1024'],
  ['PROMPT_TOO_LONG', 'Shorten the prompt, or split it.'],
  ['CONTEXT_TOO_LONG', 'Shorten the prompt, or choose a model with a longer context: quiver models'],
  ['PRICE_TOO_HIGH', 'Raise --max-price, or lower --max-tokens.'],
]);

const PHASES = new Map([
  ['first-token', ['DEADLINE_FIRST_TOKEN', 'no token came']],
  ['token-gap', ['DEADLINE_TOKEN_GAP', 'no further token came']],
  ['total', ['DEADLINE_TOTAL', 'the answer was not complete']],
] as const);

export function deadlinePassed(phase: string, limitMs: number): QuiverError {
  const [code, what] = PHASES.get(phase as 'total') ?? ['DEADLINE_TOTAL', 'the answer was not complete'];
  return new QuiverError({
    code,
    message: `The time was up: ${what} within ${limitMs / 1_000} s`,
    fix: 'Ask again, allow more time with --timeout 20m, or choose a faster model.',
  });
}

export function cancelled(cause: unknown): QuiverError {
  return new QuiverError({
    code: 'CANCELLED',
    message: 'The request was cancelled',
    fix: 'What was made until then has a receipt: quiver receipts list',
    exit: EXIT.interrupted,
    cause,
  });
}
