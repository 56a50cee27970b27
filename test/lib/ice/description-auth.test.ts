import {generateKeyPair} from '@libp2p/crypto/keys';
import type {Ed25519PrivateKey} from '@libp2p/interface';
import {beforeAll, describe, expect, it} from 'vitest';

import {openDescription, signDescription, type DescriptionContext} from '../../../src/lib/ice/description-auth.ts';
import {peerFromKey} from '../../../src/lib/records/peer-key.ts';

const SDP = [
  'v=0',
  'o=rtc 1 0 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'a=fingerprint:sha-256 AA:BB',
  'm=application 9',
  '',
].join('\r\n');

describe('signed descriptions', () => {
  let key: Ed25519PrivateKey;
  let other: Ed25519PrivateKey;
  let context: DescriptionContext;
  let signed: string;

  beforeAll(async () => {
    [key, other] = await Promise.all([generateKeyPair('Ed25519'), generateKeyPair('Ed25519')]);
    const [from, to] = [key, other].map(({publicKey}) => peerFromKey(publicKey.raw)) as [string, string];
    context = {type: 'answer', room: 'r', from, to, session: 's', offer: 'the offer'};
    signed = await signDescription(SDP, context, key);
  });

  it('opens what was signed, and stays SDP', async () => {
    expect(await openDescription(signed, context)).toBe(SDP);
    expect(signed).toMatch(/\r\na=quiver-auth:\S+\r\nm=application/);
  });

  it('refuses a swapped fingerprint', async () => {
    await expect(openDescription(signed.replace('AA:BB', 'AA:BC'), context)).rejects.toThrow(/changed on its way/);
  });

  it('refuses what was said in another place', async () => {
    const {from, to} = context;
    const others: DescriptionContext[] = [
      {...context, room: 'other'},
      {...context, session: 'other'},
      {...context, to: from},
      {...context, offer: 'another offer'},
      {...context, type: 'offer'},
    ];
    for (const wrong of others) await expect(openDescription(signed, wrong)).rejects.toMatchObject({exit: 4});
    await expect(openDescription(signed, {...context, from: to})).rejects.toThrow(/somebody else signed/);
  });

  it('refuses what is not signed, or not so that it can be read', async () => {
    await expect(openDescription(SDP, context)).rejects.toThrow(/not signed/);
    for (const value of ['AAAA', signed.slice(20, 400)]) {
      const broken = SDP.replace('m=', `a=quiver-auth:${value.replaceAll(/[^A-Za-z0-9]/g, '')}\r\nm=`);
      await expect(openDescription(broken, context)).rejects.toMatchObject({code: 'ICE_DESCRIPTION_FORGED'});
    }
  });
});
