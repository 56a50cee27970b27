// Tries in every way to reach peers through a TURN server: `node reach-process.ts '<ReachOrder as JSON>'` prints a report
// for each. What it sends is the peer's address, so that one who hears it knows how it was called.
import {isIPv6} from 'node:net';

import {type Credential, RawClient} from './raw-client.ts';
import {channelData, TYPE} from './raw-stun.ts';

export interface ReachOrder {
  server: string;
  port: number;
  from: string;
  peers: {address: string; port: number; credential: Credential}[];
}

export interface ReachReport {
  /** 'success' or an error code. */
  permission: string | number;
  channel: string | number;
  /** By Data indication and ChannelData. */
  answers: number;
}

const CHANNEL = 0x4000;
const IPV6 = [TYPE.requestedAddressFamily, Buffer.of(2, 0, 0, 0)] as const;

const {server, port, from, peers} = JSON.parse(process.argv[2] ?? '{}') as ReachOrder;

async function reach(peer: ReachOrder['peers'][number]): Promise<[string, ReachReport]> {
  using client = await RawClient.open({address: server, port, from}, peer.credential);
  await client.relay(...(isIPv6(peer.address) ? [IPV6] : []));
  const payload = Buffer.from(peer.address);
  const permission = await client.permit(peer);
  client.sendTo(peer, payload);
  const channel = await client.bind(CHANNEL, peer);
  client.send(channelData(CHANNEL, payload));
  client.sendTo(peer, payload);
  const answers = (await Promise.all([client.data(), client.channel(CHANNEL)])).filter((one) => one !== undefined);
  const outcome = (answer: typeof permission): string | number => answer?.code ?? answer?.class ?? 'no answer';
  return [peer.address, {permission: outcome(permission), channel: outcome(channel), answers: answers.length}];
}

process.stdout.write(JSON.stringify(await Promise.all(peers.map(reach))));
