import {basename, join} from 'node:path';

import {QuiverError} from '../core/errors.ts';
import {createPrivateFile} from '../core/private-file.ts';
import {readKeyFile} from './key-file.ts';
import {loadOrCreatePaymentKey, loadPaymentKey} from './payment-key.ts';
import {loadOrCreatePeerKey, loadPeerKey} from './peer-key.ts';

/** Where the keys of one service lie. */
export interface IdentityFiles {
  service: string;
  peerKey: string;
  paymentKey: string;
}

/** The public side of an identity. */
export interface Identity {
  service: string;
  peerId: string;
  /** EIP-55 address of the payment key. */
  paymentAddress: string;
}

/** Makes whichever of the two keys is missing. */
export async function createIdentity(files: IdentityFiles): Promise<Identity & {created: boolean}> {
  const existing = await readIdentity(files);
  if (existing !== undefined) return {...existing, created: false};
  const peerKey = await loadOrCreatePeerKey(files.peerKey);
  const paymentKey = await loadOrCreatePaymentKey(files.paymentKey);
  const peerId = peerKey.publicKey.toString();
  return {service: files.service, peerId, paymentAddress: paymentKey.address, created: true};
}

/** Undefined unless both keys are there. */
export async function readIdentity(files: IdentityFiles): Promise<Identity | undefined> {
  const peerKey = await loadPeerKey(files.peerKey);
  const paymentKey = await loadPaymentKey(files.paymentKey);
  if (peerKey === undefined || paymentKey === undefined) return undefined;
  return {service: files.service, peerId: peerKey.publicKey.toString(), paymentAddress: paymentKey.address};
}

/**
 * Copies the keys there are into a folder, 0600 each, and returns the copies.
 * To restore one, copy it back. A file of that name in the folder is never overwritten.
 */
export async function backUpKeys(identities: readonly IdentityFiles[], folder: string): Promise<string[]> {
  const sources = identities.flatMap(({peerKey, paymentKey}) => [peerKey, paymentKey]);
  const copies: string[] = [];
  for (const source of sources) {
    const bytes = await readKeyFile(source);
    if (bytes === undefined) continue;
    const copy = join(folder, basename(source));
    if (!(await createPrivateFile(copy, bytes))) throw backupExists(copy);
    copies.push(copy);
  }
  if (copies.length > 0) return copies;
  throw new QuiverError({
    code: 'NO_IDENTITY',
    message: 'There is no key to back up yet',
    fix: `quiver identity create ${identities[0]?.service ?? 'provider'}`,
  });
}

function backupExists(copy: string): QuiverError {
  return new QuiverError({
    code: 'BACKUP_EXISTS',
    message: `${copy} is there already and is not overwritten`,
    fix: 'Give another folder with --out.',
  });
}
