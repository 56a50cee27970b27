import {paymentKeyFile, peerKeyFile, type Places} from '../config/places.ts';
import type {IdentityFiles} from '../identity/identities.ts';

/** The services that have keys of their own. */
export const IDENTITY_SERVICES = ['provider', 'client', 'bootstrap', 'relay', 'ice', 'operator'] as const;

/** Providers sign bids and receipts; the others are known by their peer key alone. */
export function identityFiles(places: Places, service: string): IdentityFiles {
  const peerKey = peerKeyFile(places, service);
  return service === 'provider' ? {service, peerKey, paymentKey: paymentKeyFile(places, service)} : {service, peerKey};
}
