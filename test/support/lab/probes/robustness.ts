import {randomBytes} from 'node:crypto';
import {setTimeout as sleep} from 'node:timers/promises';

import {UDP_TRANSPORT} from '../raw-client.ts';
import {build, channelData, METHOD, TYPE, uint32} from '../raw-stun.ts';
import {mustSucceed, type Probe} from './probe.ts';

const MUTATIONS = 5_000;
/** A server may hold a flood against its source for a while. */
const PATIENCE_ROUNDS = 40;

export const robustnessProbes: Probe[] = [
  {
    name: 'empty and tiny datagrams do no harm',
    source: 'node-turn: the process died',
    async run({client}) {
      using one = await client();
      for (let size = 0; size < 24; size += 1) {
        for (const fill of [0x00, 0x01, 0x40, 0xff]) one.send(Buffer.alloc(size, fill));
      }
      mustSucceed(await one.ask(METHOD.binding), 'Binding');
    },
  },
  {
    name: `${MUTATIONS} mutated messages do no harm`,
    source: 'fuzzing',
    async run({client}) {
      using one = await client();
      using other = await client();
      await one.relay();
      const seeds = [
        one.signed(METHOD.allocate, [UDP_TRANSPORT, [TYPE.evenPort, Buffer.of(0x80)]]),
        one.signed(METHOD.refresh, [[TYPE.lifetime, uint32(600)]]),
        one.signed(METHOD.createPermission, [[TYPE.xorPeerAddress, randomBytes(8)]]),
        one.signed(METHOD.channelBind, [[TYPE.channelNumber, uint32(0x40010000)]]),
        build({method: METHOD.send, class: 'indication', attributes: [[TYPE.data, randomBytes(40)]]}),
        build({method: METHOD.binding, fingerprint: true}),
        channelData(0x4001, randomBytes(60)),
      ];
      for (let i = 0; i < MUTATIONS; i += 1) {
        const bytes = Buffer.from(seeds[i % seeds.length]!);
        for (let flips = 1 + (i % 5); flips > 0; flips -= 1) {
          bytes[Math.floor(Math.random() * bytes.length)] = Math.floor(Math.random() * 256);
        }
        one.send(i % 3 === 0 ? bytes.subarray(0, Math.floor(Math.random() * bytes.length)) : bytes);
        if (i % 100 === 0) await sleep(2);
      }
      for (let i = 0; i < PATIENCE_ROUNDS; i += 1) {
        if ((await other.ask(METHOD.binding))?.class === 'success') return;
      }
      mustSucceed(await other.ask(METHOD.binding), 'Binding');
    },
  },
];
