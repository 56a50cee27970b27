import {generateKeyPair} from '@libp2p/crypto/keys';
import {pino} from 'pino';
import {onTestFinished} from 'vitest';

import {createNode} from '../../src/lib/p2p/create-node.ts';
import type {NodeNetwork, NodeOptions, QuiverNode} from '../../src/lib/p2p/node-options.ts';

export const silent = pino({level: 'silent'});

export const NETWORK: NodeNetwork = {
  name: 'test',
  protocolPrefix: '/quiver/test',
  loopbackOnly: true,
  relayNodes: [],
};

type TestOptions = Partial<NodeOptions> & Pick<NodeOptions, 'roles'>;

/** A real node on a free TCP port of loopback, stopped when the test ends. */
export async function startNode(options: TestOptions): Promise<QuiverNode> {
  const node = await createNode({
    profile: NETWORK,
    privateKey: options.privateKey ?? (await generateKeyPair('Ed25519')),
    listen: {host: '127.0.0.1', tcp: 0},
    bootstrap: [],
    mdns: false,
    log: silent,
    ...options,
  });
  onTestFinished(async () => node.stop());
  return node;
}

/** A provider that can be reached through the relay only. */
export function startRelayedProvider(relay: QuiverNode, options: Partial<NodeOptions> = {}): Promise<QuiverNode> {
  return startNode({
    roles: ['provider'],
    listen: {host: '127.0.0.1'},
    profile: {...NETWORK, relayNodes: [addressOf(relay)]},
    ...options,
  });
}

export function addressOf(node: QuiverNode): string {
  const [first] = node.getMultiaddrs();
  if (first === undefined) throw new Error('the node listens nowhere');
  return first.toString();
}

export function circuitTo(relay: QuiverNode, target: QuiverNode): string {
  return `${addressOf(relay)}/p2p-circuit/p2p/${target.peerId.toString()}`;
}

/** Polls until `condition` gives something other than undefined or false. */
export async function until<T>(condition: () => T | Promise<T>, timeoutMs = 10_000): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== null && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`not so within ${timeoutMs} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Answers every message on a stream with the same bytes. */
export async function handleEcho(node: QuiverNode, protocol = '/test/echo/1'): Promise<void> {
  await node.handle(
    protocol,
    (stream) => {
      stream.addEventListener('message', ({data}) => {
        if (stream.writeStatus === 'writable' && !stream.send(data)) stream.pause();
      });
      stream.addEventListener('drain', () => {
        if (stream.readStatus === 'paused') stream.resume();
      });
      stream.addEventListener('remoteCloseWrite', () => void stream.close().catch(() => undefined));
    },
    {runOnLimitedConnection: true},
  );
}
