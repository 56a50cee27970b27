import {isWildcard} from '../../core/interface-addresses.ts';
import {parseIp} from '../../core/ip-address.ts';
import type {AnswerFrom} from '../../stun/binding-server.ts';
import type {Endpoint} from '../../stun/endpoint.ts';
import type {Alternates} from '../core/io.ts';
import {endpointOf} from './endpoint-cache.ts';
import type {UdpListener} from './engine.ts';

const FROM: readonly AnswerFrom[] = ['same', 'other-port', 'other-address', 'other-both'];

export interface ListenerAt {
  host: string;
  /** What others know the host by. */
  publicAddress: string | undefined;
  listener: UdpListener;
  /** It is the alternate port of its host. */
  alternate: boolean;
}

/**
 * Joins two addresses with two ports each to what RFC 5780 section 6 asks for. Families with another number of
 * addresses stay as they are, and so do wildcards: which address an answer leaves from would be up to the kernel.
 */
export function joinAlternates(listeners: readonly ListenerAt[]): void {
  for (const family of [4, 6] as const) {
    const known = listeners.filter(({host}) => parseIp(host)?.family === family && !isWildcard(host));
    const hosts = new Set(known.map(({host}) => host));
    if (hosts.size !== 2 || known.length !== 4) continue;
    for (const each of known) each.listener.alternates = alternatesOf(each, known);
  }
}

function alternatesOf(own: ListenerAt, all: readonly ListenerAt[]): Alternates {
  const at = (from: AnswerFrom): ListenerAt => {
    const otherHost = from === 'other-address' || from === 'other-both';
    const otherPort = from === 'other-port' || from === 'other-both';
    return (
      all.find((each) => (each.host !== own.host) === otherHost && (each.alternate !== own.alternate) === otherPort) ??
      own
    );
  };
  const [same = own, port = own, address = own, both = own] = FROM.map(at);
  const byFrom: Record<AnswerFrom, ListenerAt> = {
    same: same,
    'other-port': port,
    'other-address': address,
    'other-both': both,
  };
  return {
    origins: {
      same: publicEndpoint(same),
      'other-port': publicEndpoint(port),
      'other-address': publicEndpoint(address),
      'other-both': publicEndpoint(both),
    },
    path: (from, remote) => byFrom[from].listener.path(remote),
  };
}

function publicEndpoint({listener, publicAddress}: ListenerAt): Endpoint {
  return publicAddress === undefined ? listener.local : endpointOf(publicAddress, listener.local.port);
}
