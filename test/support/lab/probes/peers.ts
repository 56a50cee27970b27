import {TYPE} from '../raw-stun.ts';
import {mustFail, mustSucceed, type Probe} from './probe.ts';

/** What no relay of the public internet may be made to reach, and who was made to. */
const FORBIDDEN: [name: string, source: string, addresses: string[]][] = [
  ['loopback', 'node-turn: relayed into it', ['127.0.0.1', '127.8.9.10']],
  ['the unspecified address', 'coturn CVE-2020-26262', ['0.0.0.0', '0.1.2.3']],
  ['private networks', "enablesecurity.com: Slack's internal network", ['10.0.0.1', '172.16.5.5', '192.168.1.1']],
  ['link-local and cloud metadata', 'CVE list of section 3c', ['169.254.1.1', '169.254.169.254']],
  ['shared address space', 'RFC 6598', ['100.64.0.1', '100.127.255.254']],
  ['multicast', 'RFC 5771; open in coturn by default', ['224.0.0.1', '239.255.255.250']],
  ['broadcast and reserved', 'RFC 1112', ['255.255.255.255', '240.0.0.1']],
  [
    'documentation and benchmarking networks',
    'IANA registry',
    ['192.0.2.1', '198.51.100.1', '203.0.113.1', '198.18.0.1'],
  ],
];

const FORBIDDEN_V6: [name: string, source: string, addresses: string[]][] = [
  ['loopback', 'coturn CVE-2020-26262', ['::1']],
  ['the unspecified address', 'coturn CVE-2020-26262', ['::']],
  ['IPv4-mapped addresses of what is forbidden', 'coturn CVE-2026-27624', ['::ffff:127.0.0.1', '::ffff:10.0.0.1']],
  ['IPv4-compatible addresses of it', 'coturn #1945', ['::127.0.0.1', '::192.168.1.1']],
  ['NAT64 of it', 'RFC 6052, RFC 8215', ['64:ff9b::127.0.0.1', '64:ff9b::169.254.169.254', '64:ff9b:1::10.0.0.1']],
  ['6to4 of it', 'RFC 3056', ['2002:7f00:1::', '2002:a00:1::1']],
  ['Teredo', 'RFC 4380', ['2001:0:808:808:0:0:80ff:fffe']],
  ['link-local and unique local', 'RFC 4193', ['fe80::1', 'fc00::1', 'fd12:3456::1']],
  ['multicast', 'RFC 4291', ['ff02::1', 'ff05::2']],
  ['documentation', 'RFC 3849', ['2001:db8::1']],
];

const IPV6 = [TYPE.requestedAddressFamily, Buffer.of(2, 0, 0, 0)] as const;

function refusal(family: 4 | 6, [name, source, addresses]: [string, string, string[]]): Probe {
  return {
    name: `no relaying to ${name}${family === 6 ? ' of IPv6' : ''}`,
    source,
    ...(family === 6 ? {needs: 'ipv6' as const} : {}),
    async run({client}) {
      using one = await client();
      await one.relay(...(family === 6 ? [IPV6] : []));
      for (const address of addresses) {
        mustFail(await one.permit({address, port: 80}), 403, `CreatePermission for ${address}`);
        mustFail(await one.bind(0x4002, {address, port: 80}), 403, `ChannelBind to ${address}`);
      }
    },
  };
}

export const peerProbes: Probe[] = [
  ...FORBIDDEN.map((one) => refusal(4, one)),
  ...FORBIDDEN_V6.map((one) => refusal(6, one)),
  {
    name: 'one forbidden peer among good ones refuses the request as a whole',
    source: 'RFC 8656 section 10.2',
    async run({client, peer}) {
      using one = await client();
      using good = await peer();
      const relayed = await one.relay();
      mustFail(await one.permit(good, {address: '127.0.0.1', port: 80}), 403, 'a mixed CreatePermission');
      good.send(relayed, Buffer.from('no'));
      if ((await one.data()) !== undefined) throw new Error('the good peer was let in nevertheless');
    },
  },
  {
    name: 'an ordinary public peer is allowed',
    source: 'RFC 8656 section 10',
    async run({client, peer}) {
      using one = await client();
      using other = await peer();
      await one.relay();
      mustSucceed(await one.permit(other), 'CreatePermission');
    },
  },
];
