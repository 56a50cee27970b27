import {peerIdFromString} from '@libp2p/peer-id';
import {multiaddr} from '@multiformats/multiaddr';
import {CID} from 'multiformats/cid';
import {sha256} from 'multiformats/hashes/sha2';

import type {QuiverNode} from '../../p2p/node-options.ts';
import type {Manifest} from '../../records/manifest.ts';

/** Multicodec of a CID that stands for plain bytes. */
const RAW_CODEC = 0x55;

/** The DHT key under which the providers of a model are found; without a model, of any. */
export async function providerKey(prefix: string, model?: string): Promise<CID> {
  const name = model === undefined ? `${prefix}/provider` : `${prefix}/model/${bareName(model)}`;
  return CID.createV1(RAW_CODEC, await sha256.digest(new TextEncoder().encode(name)));
}

/** `llama3.2` and `llama3.2:latest` are the same key. */
function bareName(model: string): string {
  return model.endsWith(':latest') ? model.slice(0, -':latest'.length) : model;
}

/** Peer ids of providers that the DHT names for a key, at most `limit`; fewer when the signal aborts. */
export async function* findProviders(
  node: QuiverNode,
  key: CID,
  limit: number,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const seen = new Set<string>();
  try {
    for await (const {id} of node.contentRouting.findProviders(key, {signal})) {
      const peer = id.toString();
      if (seen.has(peer) || id.equals(node.peerId)) continue;
      seen.add(peer);
      yield peer;
      if (seen.size >= limit) return;
    }
  } catch (error) {
    if (!signal.aborted && !isUnreachable(error)) throw error;
  }
}

/** What a search says when the routing table is still empty, or nobody answers. */
function isUnreachable(error: unknown): boolean {
  return (
    error instanceof Error && ['NotFoundError', 'QueryError', 'QueryAbortedError', 'AbortError'].includes(error.name)
  );
}

/** Lets the node dial a provider at the addresses that its manifest names. */
export async function rememberAddresses(node: QuiverNode, manifest: Manifest): Promise<void> {
  if (manifest.addresses.length === 0) return;
  await node.peerStore.merge(peerIdFromString(manifest.peerId), {
    multiaddrs: manifest.addresses.map((address) => multiaddr(address)),
  });
}
