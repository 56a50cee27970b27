import type {Libp2pOptions} from 'libp2p';

import type {Logger} from '../observability/logger.ts';
import type {ListenOptions, SocketName} from './listen.ts';
import {openedSockets} from './listen.ts';
import {onlyOwnRelays} from './relay/own-relays.ts';

export type TransportFactory = NonNullable<Libp2pOptions['transports']>[number];

/** What libp2p hands to every part it builds. */
export type Components = Parameters<TransportFactory>[0];

type TransportName = 'tcp' | 'ws' | 'quic' | 'webrtc' | 'circuit';

const TRANSPORT_OF_SOCKET: Readonly<Record<SocketName, TransportName>> = {
  tcp: 'tcp',
  quic: 'quic',
  ws: 'ws',
  webrtcDirect: 'webrtc',
};

/** Each loads its package only when it is wanted: together they cost a third of a second of CPU. */
const LOADERS: Readonly<Record<TransportName, (stunServers: readonly string[]) => Promise<TransportFactory[]>>> = {
  async tcp() {
    const {tcp} = await import('@libp2p/tcp');
    return [tcp()];
  },
  async ws() {
    const {webSockets} = await import('@libp2p/websockets');
    return [webSockets()];
  },
  async quic() {
    const {quic} = await import('@chainsafe/libp2p-quic');
    return [quic()];
  },
  async webrtc(stunServers) {
    const {webRTC, webRTCDirect} = await import('@libp2p/webrtc');
    // Never without a list, even an empty one: the package's own would tell four companies every user's address.
    const iceServers = stunServers.map((url) => ({urls: [url]}));
    return [webRTCDirect({rtcConfiguration: {iceServers: []}}), webRTC({rtcConfiguration: {iceServers}})];
  },
  async circuit() {
    const {circuitRelayTransport} = await import('@libp2p/circuit-relay-v2');
    return [onlyOwnRelays(circuitRelayTransport())];
  },
};

export interface Transports {
  factories: TransportFactory[];
  /** What can be listened on here; a socket whose native part this platform lacks is taken out. */
  listen: readonly ListenOptions[];
  /** WebRTC between two peers behind NATs is there. */
  webrtc: boolean;
}

/**
 * Loads the transports a node needs: on a loopback network those it listens on, elsewhere all, to be able to dial all.
 * One whose native part is missing on this platform is left out with one line in the log.
 */
export async function loadTransports(
  listens: readonly ListenOptions[],
  {loopbackOnly, stunServers, log}: {loopbackOnly: boolean; stunServers: readonly string[]; log: Logger},
): Promise<Transports> {
  const wanted = new Set<TransportName>(['tcp', 'circuit']);
  for (const {name} of listens.flatMap(openedSockets)) wanted.add(TRANSPORT_OF_SOCKET[name]);
  if (!loopbackOnly) for (const name of ['ws', 'quic', 'webrtc'] as const) wanted.add(name);

  const missing = new Set<TransportName>();
  const loaded = await Promise.all(
    [...wanted].map(async (name) => {
      try {
        return await LOADERS[name](stunServers);
      } catch (error) {
        missing.add(name);
        log.warn({transport: name, err: error}, 'transport left out: its native part does not load on this platform');
        return [];
      }
    }),
  );
  const listen = listens.map((each) => {
    const lost = openedSockets(each).filter(({name}) => missing.has(TRANSPORT_OF_SOCKET[name]));
    return {...each, ...Object.fromEntries(lost.map(({name}) => [name, false]))};
  });
  return {factories: loaded.flat(), listen, webrtc: wanted.has('webrtc') && !missing.has('webrtc')};
}
