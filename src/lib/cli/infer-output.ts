import {once} from 'node:events';

import {amountToText} from '../core/units.ts';
import type {InferEvent, ModelSummary} from '../inference/client/infer-types.ts';
import {table} from './output.ts';

/** Last characters of a peer id, which differ; all begin alike. */
const SHORT_PEER_CHARACTERS = 8;
const SHORT_DIGEST_CHARACTERS = 12;
/** Control and direction characters but tab and line feed: an answer comes from a stranger. */
// oxlint-disable-next-line no-control-regex -- that is what it looks for
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/gu;

export interface Talk {
  note(text: string): void;
}

/** Prints an answer as it comes: its text on stdout, everything about it as notes. */
export class AnswerPrinter {
  readonly #talk: Talk;
  readonly #out: NodeJS.WriteStream;
  #endsLine = true;

  constructor(talk: Talk, out: NodeJS.WriteStream) {
    this.#talk = talk;
    this.#out = out;
  }

  async print(event: InferEvent): Promise<void> {
    if (event.event === 'token') {
      // A pipe gets the text as it is; a terminal must not be told what to do by a stranger.
      const text = this.#out.isTTY ? event.text.replaceAll(UNSAFE, '') : event.text;
      if (text === '') return;
      this.#endsLine = text.endsWith('\n');
      if (!this.#out.write(text)) await once(this.#out, 'drain');
    } else if (event.event === 'trace') {
      this.#talk.note(
        `[${event.atMs} ms] ${event.provider === undefined ? '' : `${shortPeer(event.provider)} `}${event.message}`,
      );
    } else if (event.event === 'chosen' && event.attempt > 1) {
      this.#talk.note(`Asking another provider, ${shortPeer(event.provider)} …`);
    } else if (event.event === 'end') {
      this.finishLine();
      this.#talk.note(summaryLine(event));
    }
  }

  /** Ends the line that the answer stopped in. */
  finishLine(): void {
    if (!this.#endsLine) this.#out.write('\n');
    this.#endsLine = true;
  }
}

/** Who answered, how fast, what it would cost, and where the proof is. */
function summaryLine(end: InferEvent & {event: 'end'}): string {
  const {provider, model, tokensOut, tokensPerSecond, firstTokenMs, cost, receipt, finish} = end;
  return [
    `${model} by ${shortPeer(provider)}`,
    `${tokensOut} ${tokensOut === 1 ? 'token' : 'tokens'}${finish === 'length' ? ' (cut at the limit)' : ''}`,
    `${Math.round(tokensPerSecond).toLocaleString('en')} tokens/s`,
    `first token ${Math.round(firstTokenMs)} ms`,
    `${amountToText(cost)} QUIV`,
    `receipt ${receipt.slice(0, SHORT_DIGEST_CHARACTERS + 2)}`,
  ].join(' · ');
}

/** What `quiver models` prints. */
export function modelTable(models: readonly ModelSummary[]): string {
  const header = ['MODEL', 'DIGEST', 'QUANT', 'CONTEXT', 'QUIV/1K IN', 'OUT', 'PROVIDERS', 'LOAD'];
  return table(
    header,
    models.map(({name, digest, quantisation, contextTokens, priceIn, priceOut, providers, active, slots}) => [
      name,
      digest === undefined ? '-' : digest.slice(digest.indexOf(':') + 1).slice(0, SHORT_DIGEST_CHARACTERS),
      quantisation ?? '-',
      contextTokens === 0 ? '-' : String(contextTokens),
      amountToText(priceIn),
      amountToText(priceOut),
      String(providers.length),
      `${active}/${slots}`,
    ]),
  );
}

function shortPeer(peerId: string): string {
  return `…${peerId.slice(-SHORT_PEER_CHARACTERS)}`;
}
