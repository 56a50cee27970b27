// What a plugin may import from `@quiver-network/quiver/plugin`: types only, since the published package is a bundle.
import type {DnsProvider} from '../dns/providers/provider.ts';
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

export type {RecordSet} from '../dns/model/record-set.ts';
export type {Change, DnsProvider} from '../dns/providers/provider.ts';

/** The default export of the file that a plugin names as `oclif.hooks.backends` in its package.json. */
export type BackendsHook = () => Promise<Backend[]>;

/** The same for `oclif.hooks.dns_providers`. */
export type DnsProvidersHook = () => Promise<DnsProvider[]>;
