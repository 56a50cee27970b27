import {join} from 'node:path';

/** The four folders that everything a user owns lives in. */
export interface Places {
  /** What the user wrote: config.yaml, profiles/. */
  config: string;
  /** What must not be lost: identities, receipts. */
  data: string;
  /** What can be made again: peer stores, logs. */
  state: string;
  /** What lives as long as a process: control sockets, run files. */
  run: string;
}

/** One folder that holds all four, as QUIVER_HOME asks for. */
export function placesUnder(home: string): Places {
  return {
    config: join(home, 'config'),
    data: join(home, 'data'),
    state: join(home, 'state'),
    run: join(home, 'run'),
  };
}

/** The user's own settings, below those of a project. */
export function userConfigFile(places: Places): string {
  return join(places.config, 'config.yaml');
}

export function profilesFolder(places: Places): string {
  return join(places.config, 'profiles');
}

export function identitiesFolder(places: Places): string {
  return join(places.data, 'identities');
}

/** The Ed25519 peer key of a service, e.g. `provider`. */
export function peerKeyFile(places: Places, service: string): string {
  return join(identitiesFolder(places), `${service}.key`);
}

/** The secp256k1 key that a service signs bids and receipts with. */
export function paymentKeyFile(places: Places, service: string): string {
  return join(identitiesFolder(places), `${service}.payment.key`);
}

/** The secret that TURN credentials are made with, where none is given. */
export function turnSecretFile(places: Places): string {
  return join(places.data, 'turn.secret');
}

/** Configuration and database of a coturn that runs for us; whatever is there is removed. */
export function coturnFolder(places: Places): string {
  return join(places.state, 'coturn');
}

/** What a plan for a zone has begun to change. */
export function dnsJournal(places: Places, zone: string): string {
  return join(places.state, `dns-${zone}.json`);
}

/** Keystores, `<name>.json` each. */
export function walletsFolder(places: Places): string {
  return join(places.data, 'wallets');
}

/** What was planned, signed and sent on chain. */
export function journalDatabase(places: Places): string {
  return join(places.data, 'transactions.db');
}

/** Payment channels and the newest voucher of each. */
export function channelsDatabase(places: Places): string {
  return join(places.data, 'channels.db');
}

export function controlSocket(places: Places, profile: string): string {
  return join(places.run, `${profile}.sock`);
}

export function runFile(places: Places, profile: string): string {
  return join(places.run, `${profile}.json`);
}

export function receiptsDatabase(places: Places): string {
  return join(places.data, 'receipts.db');
}

export function peerStore(places: Places, service: string): string {
  return join(places.state, `${service}-peers.db`);
}
