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
  /** Left out for a service that signs nothing about money. */
  paymentKey?: string;
}

/** The public side of an identity. */
export interface Identity {
  service: string;
  peerId: string;
  /** EIP-55 address of the payment key; undefined where there is none. */
  paymentAddress: string | undefined;
}

/** Makes whichever of its keys is missing. */
export async function createIdentity(files: IdentityFiles): Promise<Identity & {created: boolean}> {
  const {service, peerKey, paymentKey} = files;
  const before = await readIdentity(files);
  const {publicKey} = await loadOrCreatePeerKey(peerKey);
  const payment = paymentKey === undefined ? undefined : await loadOrCreatePaymentKey(paymentKey);
  const identity = {service, peerId: publicKey.toString(), paymentAddress: payment?.address};
  return {...identity, created: before === undefined || before.paymentAddress !== identity.paymentAddress};
}

/** Undefined while the service has no peer key. */
export async function readIdentity({service, peerKey, paymentKey}: IdentityFiles): Promise<Identity | undefined> {
  const key = await loadPeerKey(peerKey);
  const payment = paymentKey === undefined ? undefined : await loadPaymentKey(paymentKey);
  if (key === undefined) return undefined;
  return {service, peerId: key.publicKey.toString(), paymentAddress: payment?.address};
}

/**
 * Copies the keys there are into a folder, 0600 each, and returns the copies.
 * To restore one, copy it back. A file of that name in the folder is never overwritten.
 */
export async function backUpKeys(identities: readonly IdentityFiles[], folder: string): Promise<string[]> {
  const sources = identities.flatMap(({peerKey, paymentKey}) =>
    paymentKey === undefined ? [peerKey] : [peerKey, paymentKey],
  );
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
