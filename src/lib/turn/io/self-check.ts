import {QuiverError} from '../../core/errors.ts';
import {dialable} from '../../core/interface-addresses.ts';
import {bindingRequest, readBindingAnswer} from '../../stun/binding-exchange.ts';
import {TurnDialog} from '../../stun/turn-dialog.ts';
import type {TurnCredentials} from '../../stun/turn-dialog.ts';
import {openWire} from '../../stun/wire.ts';
import type {StunWire} from '../../stun/wire.ts';
import type {BoundAddress} from './server-options.ts';

/** The server is this machine; whoever wants to know sooner has a signal. */
const ANSWER_DEADLINE_MS = 10_000;
/** Of an allocation that is given back at once. */
const LIFETIME_S = 60;

/** Asks a listener for our own address, as a stranger would; rejects where it does not answer. */
export async function checkBinding(at: BoundAddress, signal: AbortSignal): Promise<void> {
  await overWire(at, signal, async (wire) => {
    const {bytes} = await wire.request(bindingRequest().bytes, ANSWER_DEADLINE_MS);
    const result = readBindingAnswer(bytes)?.result;
    if (result?.ok !== true) throw new Error(`Binding was answered with error ${result?.code ?? 0}`);
  });
}

/** Makes an allocation and gives it back; says so when the server is only full. Rejects for any other failure. */
export function checkAllocate(
  at: BoundAddress,
  family: 4 | 6,
  credentials: TurnCredentials,
  signal: AbortSignal,
): Promise<'works' | 'full'> {
  return overWire(at, signal, async (wire) => {
    const dialog = new TurnDialog(wire, credentials, ANSWER_DEADLINE_MS);
    try {
      await dialog.allocate(LIFETIME_S, family);
    } catch (error) {
      // Refused for want of room: the server is full, not broken.
      if (error instanceof QuiverError && error.code === 'TURN_FULL') return 'full';
      throw error;
    }
    await dialog.release();
    return 'works';
  });
}

/** A wildcard is reached over loopback; a certificate for a name is not for that address. */
async function overWire<T>(
  {transport, address, port}: BoundAddress,
  signal: AbortSignal,
  work: (wire: StunWire) => Promise<T>,
): Promise<T> {
  const wire = await openWire({host: dialable(address), port, transport}, {signal, anyCertificate: true});
  try {
    return await work(wire);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    wire.close();
  }
}
