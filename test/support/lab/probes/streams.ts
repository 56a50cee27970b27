import {setTimeout as sleep} from 'node:timers/promises';
import type {TLSSocket} from 'node:tls';

import {build, channelData, METHOD, parse, TYPE, valueOf} from '../raw-stun.ts';
import {expected, type ProbeLab, mustBe, mustEqual, mustSucceed, type Probe} from './probe.ts';

const CHANNEL = 0x4001;
/** Every remainder of 4, around the size that facts call for. */
const SIZES = [97, 98, 99, 100, 101, 102, 103];

async function relayOver(lab: ProbeLab, transport: 'tcp' | 'tls'): Promise<void> {
  const port = transport === 'tls' ? lab.target.tlsPort! : lab.target.port;
  using one = await lab.client({transport, port});
  using other = await lab.peer();
  const relayed = await one.relay();
  mustSucceed(await one.bind(CHANNEL, other), 'ChannelBind');
  for (const size of SIZES) {
    const payload = Buffer.alloc(size, size);
    one.send(channelData(CHANNEL, payload, {pad: true}));
    mustEqual((await other.next())?.payload, payload, `${size} bytes there`);
    other.send(relayed, payload);
    mustEqual(await one.channel(CHANNEL), payload, `${size} bytes back`);
  }
  one.sendTo(other, Buffer.from('and'));
  mustBe((await other.next())?.payload.toString(), 'and', 'payload');
}

export const streamProbes: Probe[] = [
  {
    name: 'TCP: data both ways, of every size modulo 4',
    source: 'RFC 8656 section 12.5; npm turn-server: not padded',
    needs: 'tcp',
    run: async (lab) => relayOver(lab, 'tcp'),
  },
  {
    name: 'TLS: data both ways, of every size modulo 4',
    source: 'RFC 8656 section 12.5',
    needs: 'tls',
    run: async (lab) => relayOver(lab, 'tls'),
  },
  {
    name: 'TLS: the protocol stun.turn is agreed upon',
    source: 'RFC 7443',
    needs: 'tls',
    async run({client, target}) {
      using one = await client({transport: 'tls', port: target.tlsPort!});
      mustBe((one.stream as TLSSocket).alpnProtocol, 'stun.turn', 'ALPN');
    },
  },
  {
    name: 'TCP: messages cut into single bytes, and several in one piece',
    source: 'RFC 8489 section 6.2.2',
    needs: 'tcp',
    async run({client}) {
      using one = await client({transport: 'tcp'});
      const pieces = build({method: METHOD.binding, attributes: [[TYPE.software, Buffer.from('slow')]]});
      for (const byte of pieces) {
        one.send(Buffer.of(byte));
        await sleep(1);
      }
      const two = [build({method: METHOD.binding}), build({method: METHOD.binding})];
      one.send(Buffer.concat(two));
      for (const bytes of [pieces, ...two]) {
        const answer = await one.receive((got) =>
          parse(got)?.id.equals(bytes.subarray(8, 20)) ? parse(got) : undefined,
        );
        if (valueOf(answer, TYPE.xorMappedAddress) === undefined) expected('an answer to each', answer?.code);
      }
    },
  },
  {
    name: 'TCP: garbage ends the connection and nothing else',
    source: 'fuzzing',
    needs: 'tcp',
    async run({client}) {
      using other = await client({transport: 'tcp'});
      using one = await client({transport: 'tcp'});
      one.send(Buffer.from('GET / HTTP/1.1\r\nHost: turn.example\r\n\r\n'.repeat(40)));
      one.send(Buffer.alloc(70_000, 0xff));
      for (let i = 0; i < 100 && !one.closed; i += 1) await sleep(20);
      mustBe(one.closed, true, 'closed');
      mustSucceed(await other.ask(METHOD.binding), 'Binding on another connection');
    },
  },
  {
    name: 'TCP: closing the connection ends the allocation',
    source: 'RFC 8656 section 3.1 and 7.2',
    needs: 'tcp',
    async run({client, peer}) {
      using one = await client({transport: 'tcp'});
      using two = await client();
      const port = (await one.relay()).port;
      one.close();
      await sleep(200);
      // Whoever still held that port would pass this on or answer; nobody may.
      await two.relay();
      using other = await peer();
      mustSucceed(await two.permit(other), 'CreatePermission');
      other.send({address: two.server.address, port}, Buffer.from('anybody there?'));
      mustBe((await two.data())?.payload.toString(), undefined, 'data');
    },
  },
];
