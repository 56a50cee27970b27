import {EXIT, QuiverError} from '../core/errors.ts';
import type {PingReply} from '../p2p/node-routes.ts';
import type {PeerInfo} from '../p2p/peer-list.ts';
import {controlClient} from '../service/control-client.ts';
import type {HostInfo} from '../service/host.ts';

export interface NodePeers {
  /** Of the service. */
  name: string;
  /** Peer id of the node itself. */
  self: string;
  peers: PeerInfo[];
}

/** The peers of every node in the process behind the control socket, or of the one called `only`. */
export async function readPeers(
  socketPath: string,
  only: string | undefined,
  signal: AbortSignal,
): Promise<NodePeers[]> {
  const control = controlClient(socketPath);
  const {services} = (await control.get('/info', signal)) as HostInfo;
  const nodes = services.filter(({kind}) => kind === 'network.node').map(({name}) => name);
  if (only !== undefined && !nodes.includes(only)) throw noSuchNode(only, nodes);
  return Promise.all(
    (only === undefined ? nodes : [only]).map(async (name) => {
      const reply = await control.get(`/services/${encodeURIComponent(name)}/network/peers`, signal);
      return {name, ...(reply as Omit<NodePeers, 'name'>)};
    }),
  );
}

/** Lets the running node ping a peer. */
export async function pingPeer(
  socketPath: string,
  ping: {peer: string; count: number},
  signal: AbortSignal,
): Promise<PingReply> {
  return (await controlClient(socketPath, {answerDeadlineMs: PING_DEADLINE_MS}).post(
    '/network/ping',
    ping,
    signal,
  )) as PingReply;
}

/** Twenty pings to the far side of the world, after a dial that had to try several addresses, in ms. */
const PING_DEADLINE_MS = 60_000;

function noSuchNode(name: string, nodes: readonly string[]): QuiverError {
  return new QuiverError({
    code: 'NO_SUCH_NODE',
    message: `The running process has no node "${name}"`,
    fix: nodes.length === 0 ? 'It runs no node at all: quiver up' : `It has: ${nodes.join(', ')}`,
    exit: EXIT.usage,
  });
}
