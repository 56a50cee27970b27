import {RawClient, UDP_TRANSPORT} from '../raw-client.ts';
import {type Attribute, build, isSigned, longTermKey, METHOD, TYPE, uint32, valueOf, xorAddress} from '../raw-stun.ts';
import {expected, mustBe, mustFail, mustSucceed, type Probe} from './probe.ts';

/** What a message grows by when it is sent to somebody else's address and answered. */
const MAX_AMPLIFICATION = 2.6;
const PROTOTYPE_NAMES = ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'valueOf'];

export const authenticationProbes: Probe[] = [
  {
    name: 'Allocate without credentials gets 401 with realm and nonce',
    source: 'RFC 8489 section 9.2.4',
    async run({client}) {
      using one = await client();
      const answer = await one.challenge();
      if (one.realm === '' || one.nonce.length === 0) expected('REALM and NONCE', answer.code);
    },
  },
  {
    name: `a 401 is at most ${MAX_AMPLIFICATION} times the request`,
    source: 'rtcbits.com/2025/06/turnreflectionattacks; coturn #1829',
    async run({client}) {
      using one = await client();
      const {length} = (await one.challenge()).bytes;
      const request = build({method: METHOD.allocate, attributes: [UDP_TRANSPORT]}).length;
      if (length > request * MAX_AMPLIFICATION) expected(`≤ ${request * MAX_AMPLIFICATION} bytes`, length);
    },
  },
  {
    name: 'a 401 does not say which software answers',
    source: 'RFC 8489 section 16.1.2; coturn #1957',
    async run({client}) {
      using one = await client();
      mustBe(valueOf(await one.challenge(), TYPE.software)?.toString(), undefined, 'SOFTWARE');
    },
  },
  {
    name: 'the right password gives a signed answer',
    source: 'RFC 8489 section 9.2.4',
    async run({client}) {
      using one = await client();
      const answer = await one.allocate();
      mustSucceed(answer, 'Allocate');
      if (!isSigned(answer!, one.key)) expected('MESSAGE-INTEGRITY', 'none or a wrong one');
    },
  },
  {
    name: 'the wrong password gets 401',
    source: 'RFC 8489 section 9.2.4',
    async run({client, credential, target}) {
      using right = await client();
      using one = await RawClient.open(right.server, {...credential(), password: 'wrong'});
      mustBe(one.server.address, target.address, 'address');
      mustFail(await one.allocate(), 401, 'a wrong password');
    },
  },
  {
    name: 'an unknown user gets 401',
    source: 'RFC 8489 section 9.2.4',
    async run({client}) {
      using right = await client();
      using one = await RawClient.open(right.server, {username: 'nobody', password: 'nothing'});
      mustFail(await one.allocate(), 401, 'an unknown user');
    },
  },
  {
    name: 'the names of Object.prototype are no users',
    source: 'node-turn 0.0.6, npm turn-server 0.6.6: logged in',
    async run({client}) {
      using right = await client();
      const prototype = Object.prototype as unknown as Record<string, unknown>;
      const passwords = (name: string): string[] => [String(prototype[name]), '[object Object]', 'undefined', ''];
      for (const username of PROTOTYPE_NAMES) {
        for (const password of passwords(username)) {
          using one = await RawClient.open(right.server, {username, password});
          const answer = await one.allocate();
          if (answer?.class === 'success') expected(`401 for ${username}`, 'an allocation');
        }
      }
    },
  },
  {
    name: 'a forged nonce gets 438',
    source: 'RFC 8489 section 9.2.4',
    async run({client}) {
      using one = await client();
      await one.challenge();
      one.nonce = Buffer.from(one.nonce.map((byte) => (byte === 0x61 ? 0x62 : 0x61)));
      mustFail(await one.exchange(one.signed(METHOD.allocate, [UDP_TRANSPORT])), 438, 'a forged nonce');
    },
  },
  {
    name: 'a nonce is good for the address that got it only',
    source: 'coturn CVE-2025-69217; node-turn: usable by everybody',
    async run({client}) {
      using first = await client();
      using second = await client();
      await first.challenge();
      second.realm = first.realm;
      second.nonce = first.nonce;
      mustFail(await second.exchange(second.signed(METHOD.allocate, [UDP_TRANSPORT])), 438, "another's nonce");
    },
  },
  {
    name: 'nonces differ',
    source: 'coturn CVE-2025-69217',
    async run({client}) {
      const nonces = new Set<string>();
      for (let i = 0; i < 4; i += 1) {
        using one = await client();
        await one.challenge();
        nonces.add(one.nonce.toString('hex'));
      }
      mustBe(nonces.size, 4, 'number of nonces');
    },
  },
  {
    name: 'MESSAGE-INTEGRITY without a name or nonce gets 400',
    source: 'RFC 8489 section 9.2.4',
    async run({client}) {
      using one = await client();
      await one.challenge();
      const realm: Attribute = [TYPE.realm, Buffer.from(one.realm)];
      const answer = await one.ask(METHOD.allocate, [UDP_TRANSPORT, realm], {key: one.key});
      mustFail(answer, 400, 'a request without USERNAME and NONCE');
    },
  },
  {
    name: 'another user on the same allocation gets 441',
    source: 'RFC 8656 section 5',
    async run({client, credential}) {
      using one = await client();
      await one.relay();
      const {username, password} = credential('somebody-else');
      const attributes: Attribute[] = [
        [TYPE.lifetime, uint32(600)],
        [TYPE.username, Buffer.from(username)],
        [TYPE.realm, Buffer.from(one.realm)],
        [TYPE.nonce, one.nonce],
      ];
      const key = longTermKey(username, one.realm, password);
      mustFail(await one.ask(METHOD.refresh, attributes, {key}), 441, "another user's Refresh");
    },
  },
  {
    name: 'what follows MESSAGE-INTEGRITY is not acted upon',
    source: 'RFC 8489 section 14.5; coturn ab762f33: a peer was let in by it',
    async run({client, peer}) {
      using one = await client();
      using stranger = await peer(2);
      const relayed = await one.relay();
      const id = Buffer.alloc(12, 7);
      const smuggled: Attribute = [TYPE.xorPeerAddress, xorAddress(stranger.address, stranger.port, id)];
      const answer = await one.request(METHOD.createPermission, [], {id, after: [smuggled]});
      mustFail(answer, 400, 'a CreatePermission without a peer');
      stranger.send(relayed, Buffer.from('let in'));
      mustBe((await one.data())?.payload.toString(), undefined, 'data');
    },
  },
  {
    name: 'a signature by SHA-256 is taken where it is offered',
    source: 'RFC 8489 section 9.2.4',
    needs: 'tcp',
    async run({client}) {
      using one = await client({transport: 'tcp'});
      const challenge = await one.challenge();
      const offered = valueOf(challenge, TYPE.passwordAlgorithms);
      if (offered === undefined) expected('PASSWORD-ALGORITHMS', undefined);
      const key = longTermKey(one.credential!.username, one.realm, one.credential!.password, 'sha256');
      const more: Attribute[] = [
        [TYPE.passwordAlgorithms, offered],
        [TYPE.passwordAlgorithm, Buffer.of(0, 2, 0, 0)],
      ];
      mustSucceed(
        await one.exchange(one.signed(METHOD.allocate, [UDP_TRANSPORT, ...more], {key, sha256: true})),
        'Allocate',
      );
    },
  },
  {
    name: 'a list of algorithms other than the offered one gets 400',
    source: 'RFC 8489 section 9.2.4: bid down',
    needs: 'tcp',
    async run({client}) {
      using one = await client({transport: 'tcp'});
      const challenge = await one.challenge();
      if (valueOf(challenge, TYPE.passwordAlgorithms) === undefined) expected('PASSWORD-ALGORITHMS', undefined);
      const more: Attribute[] = [
        [TYPE.passwordAlgorithms, Buffer.of(0, 1, 0, 0)],
        [TYPE.passwordAlgorithm, Buffer.of(0, 1, 0, 0)],
      ];
      mustFail(await one.exchange(one.signed(METHOD.allocate, [UDP_TRANSPORT, ...more])), 400, 'a shortened list');
    },
  },
  {
    name: 'an expired credential is refused',
    source: 'TURN REST API (draft-uberti-behave-turn-rest-00)',
    needs: 'secret',
    async run({client, credential}) {
      using right = await client();
      using one = await RawClient.open(right.server, credential('late', Math.floor(Date.now() / 1_000) - 10));
      mustFail(await one.allocate(), 401, 'an expired credential');
    },
  },
  {
    name: 'an expiry that is no plain number is refused',
    source: 'strict digits: 0x…, 1e12, spaces and signs are no expiry',
    needs: 'secret',
    async run({client, credential}) {
      using right = await client();
      for (const expiry of ['0xffffffff', '9e12', ' 99999999999', '+99999999999', '', 'Infinity', '-1']) {
        using one = await RawClient.open(right.server, credential(`${expiry}:user`, -1));
        const answer = await one.allocate();
        if (answer?.class === 'success') expected(`401 for "${expiry}:user"`, 'an allocation');
      }
    },
  },
  {
    name: 'a user name may have colons in it',
    source: 'users are DIDs',
    needs: 'secret',
    async run({client, credential}) {
      using right = await client();
      using one = await RawClient.open(right.server, credential('did:peers:alice'));
      mustSucceed(await one.allocate(), 'Allocate of did:peers:alice');
    },
  },
];
