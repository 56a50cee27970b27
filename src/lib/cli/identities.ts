import {paymentKeyFile, peerKeyFile, type Places} from '../config/places.ts';
import type {IdentityFiles} from '../identity/identities.ts';

/** The services that have keys of their own. */
export const IDENTITY_SERVICES = ['provider', 'client', 'bootstrap', 'relay'] as const;

export function identityFiles(places: Places, service: string): IdentityFiles {
  return {service, peerKey: peerKeyFile(places, service), paymentKey: paymentKeyFile(places, service)};
}
