import type {PeerConnection, RtcConfig} from 'node-datachannel';

import type {PathOptions} from './path-types.ts';
import {openTurnBridge, type TurnBridge} from './turn-bridge.ts';

const LOOPBACK = '127.0.0.1';
/** libjuice takes no more. */
const TURN_SERVERS_LIMIT = 2;

/** The native side of a path, and the bridges that it needs to reach TURN servers. Errors: those of `openTurnBridge`. */
export async function openAgent(
  {servers, policy, signal, bindAddress}: Omit<PathOptions, 'events'>,
  admit: (address: string, port: number) => boolean,
): Promise<{connection: PeerConnection; bridges: readonly TurnBridge[]}> {
  const {PeerConnection} = await import('node-datachannel');
  const bridges: TurnBridge[] = [];
  const turn: RtcConfig['iceServers'] = [];
  let problem: Error | undefined;
  try {
    for (const route of servers.turn.slice(0, TURN_SERVERS_LIMIT)) {
      const login = {username: route.username, password: route.credential, relayType: 'TurnUdp' as const};
      if (route.transport === 'udp' && policy === 'all') {
        turn.push({hostname: route.host, port: route.port, ...login});
        continue;
      }
      const options = {signal, ...(policy === 'relay' && {admit})};
      try {
        const bridge = await openTurnBridge(route, options);
        bridges.push(bridge);
        turn.push({hostname: LOOPBACK, port: bridge.port, ...login});
      } catch (error) {
        // Without this server there are still others, and direct paths.
        problem = error instanceof Error ? error : new Error(String(error));
      }
    }
    signal.throwIfAborted();
    if (policy === 'relay' && turn.length === 0 && problem !== undefined) throw problem;
    // Whatever its policy, libjuice sends and answers checks from its own socket: that one must see loopback alone.
    const bind = policy === 'relay' ? LOOPBACK : bindAddress;
    const stun = policy === 'relay' || servers.stun === undefined ? [] : [stunUrl(servers.stun)];
    const connection = new PeerConnection('quiver', {
      iceServers: [...stun, ...turn],
      iceTransportPolicy: policy,
      disableAutoNegotiation: true,
      ...(bind !== undefined && {bindAddress: bind}),
    });
    return {connection, bridges};
  } catch (error) {
    await Promise.all(bridges.map((bridge) => bridge.close()));
    throw error;
  }
}

function stunUrl({host, port}: {host: string; port: number}): string {
  return `stun:${host.includes(':') ? `[${host}]` : host}:${port}`;
}
