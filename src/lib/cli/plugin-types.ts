// What a plugin may import from `@quiver-network/quiver/plugin`: types only, since the published package is a bundle.
import type {Backend} from '../inference/backend.ts';

export type {
  Backend,
  BackendEvent,
  BackendHealth,
  BackendModel,
  Capabilities,
  ChatMessage,
  ChatRequest,
  FinishReason,
  Role,
  TokenLogprob,
  Usage,
} from '../inference/backend.ts';

/** The default export of the file that a plugin names as `oclif.hooks.backends` in its package.json. */
export type BackendsHook = () => Promise<Backend[]>;
