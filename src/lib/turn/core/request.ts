import type {StunMessage} from '../../stun/message.ts';
import type {Identity} from './identity.ts';
import type {ClientPath} from './io.ts';
import {Responder} from './responder.ts';

/** An authenticated request, valid as long as its bytes are. */
export class TurnRequest {
  readonly path: ClientPath;
  readonly message: StunMessage;
  readonly identity: Identity;
  readonly nowMs: number;
  readonly responder: Responder;

  constructor(path: ClientPath, message: StunMessage, identity: Identity, nowMs: number) {
    this.path = path;
    this.message = message;
    this.identity = identity;
    this.nowMs = nowMs;
    this.responder = new Responder(path, message, identity);
  }
}
