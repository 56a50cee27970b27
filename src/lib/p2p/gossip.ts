import type {GossipSub, GossipSubComponents} from '@libp2p/gossipsub';

import type {RoleTraits} from './roles.ts';

/** Requests, bids and manifests are far smaller; prompts and answers never travel by gossip. */
export const MAX_GOSSIP_BYTES = 64 * 1024;

/** Messages of a peer that is slow to read, kept at most. */
const MAX_OUTBOUND_BYTES = 4 * 1024 * 1024;

/** Breaches of the gossip protocol forgiven before they count, since a reconnecting peer makes one or two. */
const FORGIVEN_BREACHES = 6;

/** What standing a bootstrap has with its peers; above the threshold from which offered peers are dialled. */
const BOOTSTRAP_SCORE = 20;

/**
 * A hub passes messages on to every peer up to `Dhi`, and tells most others what it has. The usual 6 to 12 are for
 * meshes in which everyone knows many; a young network is a star around its bootstraps, and would hear half.
 */
const HUB_DEGREE = {D: 24, Dlo: 16, Dhi: 48, Dscore: 8, Dout: 4, Dlazy: 48, gossipFactor: 0.5};

/** How one of the network's topics counts for the score of those who send on it. */
const TOPIC_SCORE = {
  topicWeight: 1,
  timeInMeshQuantum: 1_000,
  timeInMeshWeight: 0,
  firstMessageDeliveriesWeight: 0,
  // Off: a quiet topic would drive every honest peer's score down (P3 and P3b of the GossipSub 1.1 specification).
  meshMessageDeliveriesWeight: 0,
  meshFailurePenaltyWeight: 0,
  // What a validator rejected counts squared: ten such messages within seconds, and the peer is ignored.
  invalidMessageDeliveriesWeight: -1,
  invalidMessageDeliveriesDecay: 0.9,
};

/**
 * GossipSub 1.2 for the network's topics. A validator put into `topicValidators` decides before a message is passed on.
 * No penalty for peers that share an IP address: every provider behind one relay shares the relay's.
 */
export async function loadGossip(
  topics: readonly string[],
  traits: RoleTraits,
  isBootstrap: (peerId: string) => boolean,
): Promise<(components: GossipSubComponents) => GossipSub> {
  const [{gossipsub}, {createTopicScoreParams}] = await Promise.all([
    import('@libp2p/gossipsub'),
    import('@libp2p/gossipsub/score'),
  ]);
  return gossipsub({
    emitSelf: false,
    fallbackToFloodsub: false,
    allowPublishToZeroTopicPeers: true,
    // Strangers could subscribe to names of their own, which every peer would have to remember.
    allowedTopics: [...topics],
    // Peers reached through a relay must hear requests too.
    runOnLimitedConnection: true,
    doPX: traits.gossipHub,
    ...(traits.gossipHub && HUB_DEGREE),
    maxInboundDataLength: MAX_GOSSIP_BYTES,
    maxOutboundBufferSize: MAX_OUTBOUND_BYTES,
    scoreParams: {
      IPColocationFactorWeight: 0,
      behaviourPenaltyThreshold: FORGIVEN_BREACHES,
      topics: Object.fromEntries(topics.map((topic) => [topic, createTopicScoreParams(TOPIC_SCORE)])),
      appSpecificWeight: 1,
      appSpecificScore: (peerId) => (isBootstrap(peerId) ? BOOTSTRAP_SCORE : 0),
    },
  });
}
