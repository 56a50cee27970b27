/** What `quiver run` can run, each also as `quiver <name> start`. */
export const SERVICE_NAMES = ['bootstrap', 'relay', 'provider'] as const;

export type ServiceName = (typeof SERVICE_NAMES)[number];
