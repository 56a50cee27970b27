import {create, toBinary} from '@bufbuild/protobuf';
import type {PrivateKey} from '@libp2p/interface';
import {multiaddr} from '@multiformats/multiaddr';

import {recoverAddress} from '../core/secp256k1.ts';
import type {PaymentKey} from '../core/secp256k1.ts';
import {defineStruct, outOfBounds, structDigest} from './eip712.ts';
import type {Network} from './eip712.ts';
import {openEnvelope, sealEnvelope} from './envelope.ts';
import type {EnvelopeKind} from './envelope.ts';
import {kinds, uintFromBytes, uintToBytes} from './field-kinds.ts';
import {ManifestSchema} from './gen/manifest_pb.js';
import type {Manifest as ManifestMessage, Model as ModelMessage} from './gen/manifest_pb.js';
import {peerFromKey} from './peer-key.ts';
import {readMessage} from './read-message.ts';
import {checkLife, invalidRecord} from './record-error.ts';
import {networkFromWire, networkToWire, sameAddress} from './struct-codec.ts';
import {isLabel, isModelDigest, isModelName, isPrintable} from './text.ts';

/** A provider that stops publishing is gone after this time, in ms: three gossip intervals of 60 s. */
export const MANIFEST_LIFE_MS = 180_000;
export const MANIFEST_MAX_BYTES = 8_192;
export const MANIFEST_MAX_MODELS = 64;
export const MANIFEST_MAX_ADDRESSES = 16;
const REGION_MAX_BYTES = 32;
const AGENT_VERSION_MAX_BYTES = 64;
/** WebRTC-direct addresses with a relay hop in front, the longest in use, have about 300. */
const ADDRESS_MAX_BYTES = 512;
/** Prices are uint128. */
const PRICE_MAX_BYTES = 16;

const KIND: EnvelopeKind = {
  record: 'manifest',
  domain: 'quiver-manifest',
  payloadType: '/quiver/manifest/1',
  maxBytes: MANIFEST_MAX_BYTES,
};

/** What the payment key signs to say that it belongs to a peer; the envelope is the peer's word for the address. */
export const peerBindingStruct = defineStruct('PeerBinding', {peer: 'peer', paymentAddress: 'address'});

export interface OfferedModel {
  /** 1 to 128 bytes, printable. */
  name: string;
  /** `sha256:<hex>` or `ollama:<hex>`. */
  digest?: string;
  /** At most 32 visible ASCII characters, e.g. `Q8_0`. */
  quantisation?: string;
  contextTokens: number;
  /** Base units of QUIV per 1,000 tokens. */
  priceIn: bigint;
  priceOut: bigint;
  /** Requests for this model that can be worked on at once. */
  slots: number;
}

export interface ProviderLoad {
  active: number;
  queued: number;
  slots: number;
}

/** What a provider says of itself. */
export interface Manifest {
  network: Network;
  peerId: string;
  paymentAddress: string;
  models: OfferedModel[];
  load: ProviderLoad;
  /** Where it says it is, e.g. `eu-west`; may be empty. */
  region: string;
  agentVersion: string;
  /** Multiaddrs without the /p2p part, as text. */
  addresses: string[];
  /** ms since the epoch. */
  issuedAt: number;
  /** At most `MANIFEST_LIFE_MS` after `issuedAt`. */
  expiresAt: number;
  /** Rises with every manifest of this peer. */
  sequence: number;
}

/** What a provider fills in; peer id and payment address come from the keys. */
export type ManifestInput = Omit<Manifest, 'peerId' | 'paymentAddress'>;

/** Signs a manifest with both keys; each vouches for the other. Throws `RECORD_INVALID` when a field is out of bounds. */
export async function sealManifest(
  manifest: ManifestInput,
  peerKey: PrivateKey,
  paymentKey: PaymentKey,
): Promise<Uint8Array> {
  if (peerKey.type !== 'Ed25519') throw invalidRecord('manifest', 'its peer key is not an Ed25519 key');
  const peer = peerFromKey(peerKey.publicKey.raw);
  const binding = {peer, paymentAddress: paymentKey.address};
  const message = create(ManifestSchema, {
    ...networkToWire(manifest.network),
    peer: peerKey.publicKey.raw,
    paymentAddress: kinds.address.toWire(paymentKey.address) as Uint8Array,
    paymentSignature: paymentKey.sign(structDigest(peerBindingStruct, binding, manifest.network)),
    models: manifest.models.map((model) => ({
      ...model,
      priceIn: uintToBytes(model.priceIn),
      priceOut: uintToBytes(model.priceOut),
    })),
    load: manifest.load,
    region: manifest.region,
    agentVersion: manifest.agentVersion,
    addresses: manifest.addresses.map((address) => multiaddr(address).bytes),
    issuedAt: BigInt(manifest.issuedAt),
    expiresAt: BigInt(manifest.expiresAt),
    sequence: BigInt(manifest.sequence),
  });
  fromMessage(message);
  return sealEnvelope(KIND, toBinary(ManifestSchema, message), peerKey);
}

/**
 * Reads and checks a sealed manifest: envelope, bounds, the two keys' signatures over each other, and its life.
 * Throws `RECORD_INVALID`, `SIGNATURE_INVALID`, `RECORD_EXPIRED`, or `CLOCK` when it comes from the future.
 */
export async function openManifest(bytes: Uint8Array, {now = Date.now()}: {now?: number} = {}): Promise<Manifest> {
  const {payload, peerKey} = await openEnvelope(KIND, bytes);
  const message = readMessage(ManifestSchema, payload, 'manifest', MANIFEST_MAX_BYTES);
  const manifest = fromMessage(message);
  if (manifest.peerId !== peerFromKey(peerKey)) {
    throw invalidRecord('manifest', 'it names another peer than the one that signed it');
  }
  checkLife('manifest', manifest.issuedAt, manifest.expiresAt, MANIFEST_LIFE_MS, now);
  const binding = {peer: manifest.peerId, paymentAddress: manifest.paymentAddress};
  const signer = recoverAddress(structDigest(peerBindingStruct, binding, manifest.network), message.paymentSignature);
  if (!sameAddress(signer, manifest.paymentAddress)) {
    throw invalidRecord('manifest', 'its payment address has not signed for this peer');
  }
  return manifest;
}

function fromMessage(message: ManifestMessage): Manifest {
  const peerId = kinds.peer.fromWire(message.peer);
  const paymentAddress =
    message.paymentAddress.length === 20 ? kinds.address.fromWire(message.paymentAddress) : undefined;
  if (peerId === undefined) throw outOfBounds('manifest', 'peer');
  if (paymentAddress === undefined) throw outOfBounds('manifest', 'payment_address');
  if (message.models.length > MANIFEST_MAX_MODELS) throw outOfBounds('manifest', 'models');
  if (message.addresses.length > MANIFEST_MAX_ADDRESSES) throw outOfBounds('manifest', 'addresses');
  if (!isPrintable(message.region, REGION_MAX_BYTES)) throw outOfBounds('manifest', 'region');
  if (!isPrintable(message.agentVersion, AGENT_VERSION_MAX_BYTES)) throw outOfBounds('manifest', 'agent_version');
  const {active = 0, queued = 0, slots = 0} = message.load ?? {};
  return {
    network: networkFromWire('manifest', message),
    peerId,
    paymentAddress,
    models: message.models.map(modelFromMessage),
    load: {active, queued, slots},
    region: message.region,
    agentVersion: message.agentVersion,
    addresses: message.addresses.map(addressFromWire),
    issuedAt: numberFromWire(message.issuedAt, 'issued_at'),
    expiresAt: numberFromWire(message.expiresAt, 'expires_at'),
    sequence: numberFromWire(message.sequence, 'sequence'),
  };
}

function modelFromMessage({name, digest, quantisation, contextTokens, slots, ...prices}: ModelMessage): OfferedModel {
  const priceIn = uintFromBytes(prices.priceIn, PRICE_MAX_BYTES);
  const priceOut = uintFromBytes(prices.priceOut, PRICE_MAX_BYTES);
  if (!isModelName(name)) throw outOfBounds('manifest', 'models.name');
  if (!isModelDigest(digest)) throw outOfBounds('manifest', 'models.digest');
  if (!isLabel(quantisation)) throw outOfBounds('manifest', 'models.quantisation');
  if (priceIn === undefined) throw outOfBounds('manifest', 'models.price_in');
  if (priceOut === undefined) throw outOfBounds('manifest', 'models.price_out');
  return {
    name,
    ...(digest === '' ? {} : {digest}),
    ...(quantisation === '' ? {} : {quantisation}),
    contextTokens,
    priceIn,
    priceOut,
    slots,
  };
}

function addressFromWire(bytes: Uint8Array): string {
  let address: string;
  try {
    address = multiaddr(bytes).toString();
  } catch (cause) {
    throw invalidRecord('manifest', 'one of its addresses is not a multiaddr', cause);
  }
  if (!isPrintable(address, ADDRESS_MAX_BYTES)) throw outOfBounds('manifest', 'addresses');
  return address;
}

function numberFromWire(wire: bigint, field: string): number {
  const value = kinds.time.fromWire(wire);
  if (value === undefined) throw outOfBounds('manifest', field);
  return value;
}
