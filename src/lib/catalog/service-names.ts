/** Services that are roles of one libp2p node. */
export const NODE_SERVICE_NAMES = ['bootstrap', 'relay', 'provider'] as const;

export type NodeServiceName = (typeof NODE_SERVICE_NAMES)[number];

/** What `quiver run` can run, each also as `quiver <name> start`. */
export const SERVICE_NAMES = [...NODE_SERVICE_NAMES, 'stun', 'turn', 'signal'] as const;

export type ServiceName = (typeof SERVICE_NAMES)[number];
