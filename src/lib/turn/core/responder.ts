import {ATTRIBUTE, CLASS} from '../../stun/types.ts';
import type {MessageClass} from '../../stun/types.ts';
import {writeErrorCode, writeUnknownAttributes} from '../../stun/error-code.ts';
import type {IntegrityAlgorithm} from '../../stun/integrity.ts';
import {MessageBuilder} from '../../stun/message-builder.ts';
import type {StunMessage} from '../../stun/message.ts';
import type {ClientPath} from './io.ts';

/** What answers to an authenticated request are signed with: its own key and algorithm (RFC 8489 section 9.2.4). */
export interface Signature {
  readonly key: Uint8Array;
  readonly algorithm: IntegrityAlgorithm;
}

/** Answers one request, also after its bytes are gone. FINGERPRINT is there when the request had it. */
export class Responder {
  readonly path: ClientPath;
  readonly transactionId: Uint8Array;
  readonly #method: number;
  readonly #signature: Signature | undefined;
  readonly #fingerprint: boolean;

  constructor(path: ClientPath, request: StunMessage, signature?: Signature) {
    this.path = path;
    this.transactionId = Uint8Array.from(request.transactionId);
    this.#method = request.method;
    this.#signature = signature;
    this.#fingerprint = request.fingerprinted;
  }

  begin(messageClass: MessageClass): MessageBuilder {
    return new MessageBuilder(this.#method, messageClass, this.transactionId);
  }

  /** Signs, sends, and gives what was sent, to be sent again for a retransmitted request. */
  send(builder: MessageBuilder): Uint8Array {
    if (this.#signature !== undefined) builder.integrity(this.#signature.key, this.#signature.algorithm);
    if (this.#fingerprint) builder.fingerprint();
    const bytes = builder.build();
    this.path.send(bytes);
    return bytes;
  }

  succeed(): Uint8Array {
    return this.send(this.begin(CLASS.success));
  }

  fail(code: number): Uint8Array {
    return this.send(this.begin(CLASS.error).add(ATTRIBUTE.errorCode, writeErrorCode(code)));
  }

  /** 420 (RFC 8489 section 6.3.1) */
  failUnknown(types: readonly number[]): Uint8Array {
    return this.send(
      this.begin(CLASS.error)
        .add(ATTRIBUTE.errorCode, writeErrorCode(420))
        .add(ATTRIBUTE.unknownAttributes, writeUnknownAttributes(types)),
    );
  }
}
