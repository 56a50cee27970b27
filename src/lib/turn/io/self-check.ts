import {writeRequestedTransport, TRANSPORT_UDP} from '../../stun/attributes.ts';
import {readErrorCode} from '../../stun/error-code.ts';
import {longTermKey, verifyIntegrity} from '../../stun/integrity.ts';
import {MessageBuilder} from '../../stun/message-builder.ts';
import type {StunMessage} from '../../stun/message.ts';
import {ATTRIBUTE, CLASS, METHOD} from '../../stun/types.ts';
import {ClientConnection} from './client-connection.ts';
import type {BoundAddress} from './server-options.ts';

export interface Login {
  username: string;
  password: string;
}

/** Refused for want of room: the server is full, not broken. */
const FULL_CODES: readonly number[] = [486, 508];

/** Asks a listener for our own address, as a stranger would; rejects where it does not answer. */
export async function checkBinding(at: BoundAddress, signal: AbortSignal): Promise<void> {
  const connection = await ClientConnection.open({...reachable(at), signal});
  try {
    const answer = await connection.request(new MessageBuilder(METHOD.binding, CLASS.request).fingerprint().build());
    if (answer.class !== CLASS.success || !answer.has(ATTRIBUTE.xorMappedAddress)) throw refused('Binding', answer);
  } finally {
    connection.close();
  }
}

/** Makes an allocation and gives it back; says so when the server is only full. Rejects for any other failure. */
export async function checkAllocate(
  at: BoundAddress,
  family: 4 | 6,
  login: Login,
  signal: AbortSignal,
): Promise<'works' | 'full'> {
  const connection = await ClientConnection.open({...reachable(at), signal});
  try {
    const challenge = await connection.request(allocateRequest(family).build());
    const realm = challenge.attribute(ATTRIBUTE.realm);
    const nonce = challenge.attribute(ATTRIBUTE.nonce);
    if (realm === undefined || nonce === undefined) throw refused('Allocate', challenge);
    const key = longTermKey(login.username, Buffer.from(realm).toString(), login.password, 'md5');
    const signed = (request: MessageBuilder): Promise<StunMessage> =>
      connection.request(
        request
          .add(ATTRIBUTE.username, login.username)
          .add(ATTRIBUTE.realm, realm)
          .add(ATTRIBUTE.nonce, nonce)
          .integrity(key, 'sha1')
          .build(),
      );
    const answer = await signed(allocateRequest(family));
    if (FULL_CODES.includes(errorOf(answer))) return 'full';
    if (answer.class !== CLASS.success || !verifyIntegrity(answer, key)) throw refused('Allocate', answer);
    const end = await signed(new MessageBuilder(METHOD.refresh, CLASS.request).addUint32(ATTRIBUTE.lifetime, 0));
    if (end.class !== CLASS.success) throw refused('Refresh', end);
    return 'works';
  } finally {
    connection.close();
  }
}

function allocateRequest(family: 4 | 6): MessageBuilder {
  return new MessageBuilder(METHOD.allocate, CLASS.request)
    .add(ATTRIBUTE.requestedTransport, writeRequestedTransport(TRANSPORT_UDP))
    .add(ATTRIBUTE.requestedAddressFamily, Uint8Array.of(family === 4 ? 1 : 2, 0, 0, 0));
}

/** A wildcard is reached over loopback. */
function reachable({transport, address, port}: BoundAddress): {
  transport: BoundAddress['transport'];
  host: string;
  port: number;
} {
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address;
  return {transport, host, port};
}

function errorOf(answer: StunMessage): number {
  const value = answer.attribute(ATTRIBUTE.errorCode);
  return (value === undefined ? undefined : readErrorCode(value)?.code) ?? 0;
}

function refused(what: string, answer: StunMessage): Error {
  return new Error(`${what} was answered with error ${errorOf(answer)}`);
}
