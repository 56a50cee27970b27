import {create, fromBinary, toBinary} from '@bufbuild/protobuf';
import {generateKeyPair} from '@libp2p/crypto/keys';
import {peerIdFromPrivateKey} from '@libp2p/peer-id';
import {RecordEnvelope} from '@libp2p/peer-record';
import * as fc from 'fast-check';
import {describe, expect, it} from 'vitest';

import {utf8} from '../../../src/lib/core/bytes.ts';
import {QuiverError} from '../../../src/lib/core/errors.ts';
import {ManifestSchema} from '../../../src/lib/records/gen/manifest_pb.js';
import type {Manifest as Message} from '../../../src/lib/records/gen/manifest_pb.js';
import {
  MANIFEST_LIFE_MS,
  MANIFEST_MAX_BYTES,
  MANIFEST_MAX_MODELS,
  openManifest,
  sealManifest,
} from '../../../src/lib/records/manifest.ts';
import type {ManifestInput, OfferedModel} from '../../../src/lib/records/manifest.ts';
import {label, LOCAL_NETWORK, modelDigest, paymentKey, peerKey, uint128, uint32} from '../../support/records.ts';

const NOW = 1_800_000_000_000;
const MODEL: OfferedModel = {name: 'quiver-tiny', contextTokens: 512, priceIn: 1n, priceOut: 2n, slots: 4};

function manifest(changes: Partial<ManifestInput> = {}): ManifestInput {
  return {
    network: LOCAL_NETWORK,
    models: [{...MODEL, digest: `sha256:${'ab'.repeat(32)}`, quantisation: 'Q8_0'}],
    load: {active: 1, queued: 2, slots: 4},
    region: 'eu-west',
    agentVersion: 'quiver/0.1.0',
    addresses: ['/ip4/203.0.113.7/tcp/4001', '/ip4/203.0.113.7/udp/4001/quic-v1'],
    issuedAt: NOW,
    expiresAt: NOW + MANIFEST_LIFE_MS,
    sequence: 7,
    ...changes,
  };
}

const seal = (changes: Partial<ManifestInput> = {}): Promise<Uint8Array> =>
  sealManifest(manifest(changes), peerKey, paymentKey);

/** What a faulty or lying provider would publish: the envelope is right, its content is not. */
async function sealChanged(change: (message: Message) => void, key = peerKey): Promise<Uint8Array> {
  const {payload} = RecordEnvelope.createFromProtobuf(await seal());
  const message = fromBinary(ManifestSchema, payload);
  change(message);
  const record = {
    domain: 'quiver-manifest',
    codec: utf8('/quiver/manifest/1'),
    marshal: () => toBinary(ManifestSchema, message),
    equals: () => false,
  };
  return (await RecordEnvelope.seal(record, key)).marshal();
}

describe('a manifest', () => {
  it('comes back as it was, with the peer id and the payment address of its keys', async () => {
    const peerId = peerIdFromPrivateKey(peerKey).toString();
    expect(await openManifest(await seal(), {now: NOW})).toEqual({
      ...manifest(),
      peerId,
      paymentAddress: paymentKey.address,
    });
  });

  it('comes back as it was, whatever the models', async () => {
    const model = fc
      .record({
        name: fc.constantFrom('a', 'llama3.2:latest', '模型'),
        digest: modelDigest,
        quantisation: label,
        contextTokens: uint32,
        priceIn: uint128,
        priceOut: uint128,
        slots: uint32,
      })
      .map(({digest, quantisation, ...rest}) => ({
        ...rest,
        ...(digest === '' ? {} : {digest}),
        ...(quantisation === '' ? {} : {quantisation}),
      }));
    await fc.assert(
      fc.asyncProperty(fc.array(model, {maxLength: 20}), async (models) => {
        const opened = await openManifest(await seal({models}), {now: NOW});
        expect(opened.models).toEqual(models);
      }),
      {numRuns: 30},
    );
  });

  it('holds 64 models with long names within its bound', async () => {
    const models = Array.from({length: MANIFEST_MAX_MODELS}, (_, index) => ({
      ...MODEL,
      name: `model-with-a-name-of-ordinary-length-${index}:latest`,
    }));
    const bytes = await seal({models});
    expect(bytes.length).toBeLessThan(MANIFEST_MAX_BYTES);
    expect((await openManifest(bytes, {now: NOW})).models).toHaveLength(MANIFEST_MAX_MODELS);
  });

  it.each<[RegExp, Partial<ManifestInput>]>([
    [/field models /, {models: Array.from({length: 65}, () => MODEL)}],
    [
      /more than 8192/,
      {models: Array.from({length: 64}, (_, index) => ({...MODEL, name: `${'x'.repeat(125)}${index}`}))},
    ],
    [/models\.name/, {models: [{...MODEL, name: ''}]}],
    [/models\.name/, {models: [{...MODEL, name: 'x'.repeat(129)}]}],
    [/models\.name/, {models: [{...MODEL, name: 'red\u001b[31m'}]}],
    [/models\.digest/, {models: [{...MODEL, digest: 'md5:00'}]}],
    [/models\.quantisation/, {models: [{...MODEL, quantisation: 'q'.repeat(33)}]}],
    [/models\.price_in/, {models: [{...MODEL, priceIn: 2n ** 128n}]}],
    [/field region/, {region: 'a\nb'}],
    [/field addresses/, {addresses: Array.from({length: 17}, () => '/ip4/127.0.0.1/tcp/1')}],
  ])('cannot be made or read out of bounds: %s', async (reason, changes) => {
    await expect(seal(changes)).rejects.toThrow(reason);
  });
});

describe('the life of a manifest', () => {
  it('is 180 s, with two minutes for clocks that differ', async () => {
    const bytes = await seal();
    await expect(openManifest(bytes, {now: NOW - 119_000})).resolves.toBeDefined();
    await expect(openManifest(bytes, {now: NOW + 299_000})).resolves.toBeDefined();
    await expect(openManifest(bytes, {now: NOW - 121_000})).rejects.toMatchObject({
      code: 'CLOCK',
      message: expect.stringContaining('121 s in the future') as string,
    });
    await expect(openManifest(bytes, {now: NOW + 301_000})).rejects.toMatchObject({code: 'RECORD_EXPIRED'});
  });

  it('cannot be longer', async () => {
    const bytes = await seal({expiresAt: NOW + MANIFEST_LIFE_MS + 1});
    await expect(openManifest(bytes, {now: NOW})).rejects.toThrow(/longer than 180 s/);
    await expect(openManifest(await seal({expiresAt: NOW - 1}), {now: NOW})).rejects.toThrow(/before it was made/);
  });
});

describe('a manifest that lies', () => {
  it('about its peer is refused', async () => {
    const other = await generateKeyPair('Ed25519');
    const stolen = await sealChanged(() => {}, other);
    await expect(openManifest(stolen, {now: NOW})).rejects.toThrow(/another peer/);
  });

  it('about its peer is refused also when it names itself, since the payment key signed for another', async () => {
    const other = await generateKeyPair('Ed25519');
    const stolen = await sealChanged((message) => (message.peer = other.publicKey.raw), other);
    await expect(openManifest(stolen, {now: NOW})).rejects.toThrow(/has not signed for this peer/);
  });

  it('about its payment address is refused', async () => {
    const lie = await sealChanged((message) => (message.paymentAddress = new Uint8Array(20).fill(1)));
    await expect(openManifest(lie, {now: NOW})).rejects.toThrow(/has not signed for this peer/);
  });

  it('about its network is refused', async () => {
    const lie = await sealChanged((message) => (message.chainId = 137n));
    await expect(openManifest(lie, {now: NOW})).rejects.toThrow(/has not signed for this peer/);
  });

  it.each<[RegExp, (message: Message) => void]>([
    [/field peer/, (message) => (message.peer = new Uint8Array(31))],
    [/field payment_address/, (message) => (message.paymentAddress = new Uint8Array(0))],
    [/bytes instead of 65/, (message) => (message.paymentSignature = new Uint8Array(0))],
    [/not a multiaddr/, (message) => (message.addresses = [Uint8Array.of(0xff, 0xff)])],
    [/field sequence/, (message) => (message.sequence = 2n ** 63n)],
    [/longer than 180 s/, (message) => (message.issuedAt = 0n)],
  ])('out of bounds is refused: %s', async (reason, change) => {
    await expect(openManifest(await sealChanged(change), {now: NOW})).rejects.toThrow(reason);
  });

  it('in any bit is refused, unless the bit changes nothing of what it says', async () => {
    const bytes = await seal();
    const sent = await openManifest(bytes, {now: NOW});
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(7), async (index, bit) => {
        const changed = Uint8Array.from(bytes);
        changed[index]! ^= 1 << bit;
        // Protobuf has several spellings of one message.
        const outcome = await openManifest(changed, {now: NOW}).catch((error: unknown) => error);
        if (!(outcome instanceof QuiverError)) expect(outcome).toEqual(sent);
      }),
      {numRuns: 100},
    );
  });

  it('under another kind of envelope, or with another kind of key, is refused', async () => {
    const payload = toBinary(ManifestSchema, create(ManifestSchema));
    const record = {
      domain: 'quiver-manifest',
      codec: utf8('/quiver/other'),
      marshal: () => payload,
      equals: () => false,
    };
    const otherType = (await RecordEnvelope.seal(record, peerKey)).marshal();
    const otherDomain = (await RecordEnvelope.seal({...record, domain: 'libp2p-peer-record'}, peerKey)).marshal();
    const otherKey = (await RecordEnvelope.seal(record, await generateKeyPair('secp256k1'))).marshal();
    await expect(openManifest(otherType, {now: NOW})).rejects.toThrow(/payload type/);
    await expect(openManifest(otherDomain, {now: NOW})).rejects.toThrow(/its signature/);
    await expect(openManifest(otherKey, {now: NOW})).rejects.toThrow(/Ed25519/);
    await expect(sealManifest(manifest(), await generateKeyPair('secp256k1'), paymentKey)).rejects.toThrow(/Ed25519/);
  });
});
