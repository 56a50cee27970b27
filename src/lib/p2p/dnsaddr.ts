import {Resolver} from 'node:dns/promises';

import type {Multiaddr} from '@multiformats/multiaddr';
import {multiaddr} from '@multiformats/multiaddr';

/** Lists of lists are followed this deep, and so many names asked for, so that a zone can't send us round in circles. */
const MAX_DEPTH = 6;
const MAX_LOOKUPS = 64;

/** Most addresses taken from one name. */
const MAX_ADDRESSES = 32;

export type ResolveTxt = (name: string) => Promise<string[][]>;

/**
 * The addresses published as TXT records under `_dnsaddr.<domain>` (multiformats/multiaddr, protocols/DNSADDR.md).
 * Entries that can't be read, lists that aren't there and addresses of another peer than the list is for are passed
 * over. Rejects when the name itself does not resolve.
 */
export async function resolveDnsaddr(
  domain: string,
  signal: AbortSignal,
  resolveTxt: ResolveTxt = systemResolver(signal),
): Promise<Multiaddr[]> {
  const found: Multiaddr[] = [];
  let lookups = 0;
  const ask = async (name: string, depth: number, peer: string | undefined): Promise<void> => {
    signal.throwIfAborted();
    lookups += 1;
    if (lookups > MAX_LOOKUPS) return;
    for (const chunks of await resolveTxt(`_dnsaddr.${name}`)) {
      const address = readRecord(chunks.join(''));
      if (address === undefined || found.length >= MAX_ADDRESSES) continue;
      const [first] = address.getComponents();
      const id = peerOf(address);
      if (peer !== undefined && id !== undefined && id !== peer) continue;
      if (first?.name !== 'dnsaddr') found.push(address);
      else if (depth < MAX_DEPTH && first.value !== undefined) {
        await ask(first.value, depth + 1, id ?? peer).catch(() => signal.throwIfAborted());
      }
    }
  };
  await ask(domain, 1, undefined);
  return found;
}

/** Whom an address leads to: what it ends with. */
function peerOf(address: Multiaddr): string | undefined {
  const last = address.getComponents().at(-1);
  return last?.name === 'p2p' ? last.value : undefined;
}

function readRecord(text: string): Multiaddr | undefined {
  if (!text.startsWith('dnsaddr=')) return undefined;
  try {
    return multiaddr(text.slice('dnsaddr='.length));
  } catch {
    return undefined;
  }
}

function systemResolver(signal: AbortSignal): ResolveTxt {
  const resolver = new Resolver();
  signal.addEventListener('abort', () => resolver.cancel(), {once: true});
  return (name) => resolver.resolveTxt(name);
}
