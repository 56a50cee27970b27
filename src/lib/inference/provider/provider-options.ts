import type {PrivateKey} from '@libp2p/interface';

import type {PaymentKey} from '../../core/secp256k1.ts';
import type {QuiverNode} from '../../p2p/node-options.ts';
import type {Network} from '../../records/eip712.ts';
import type {Backend} from '../backend.ts';
import type {Prices} from './desk.ts';

export interface ProviderOptions {
  /** @default 'provider' */
  name?: string;
  /** The node it listens on; started before. */
  node: {readonly name: string; readonly node: QuiverNode};
  backends: readonly Backend[];
  /** The node's own key: signs the manifest. */
  peerKey: PrivateKey;
  /** Signs bids and receipts. */
  paymentKey: PaymentKey;
  network: Network;
  /** `/quiver/<profile>`. */
  protocolPrefix: string;
  /** Base units of QUIV per 1,000 tokens. */
  prices: Prices;
  /** ERC-20 token of the prices. @default zero address: none is deployed */
  asset?: string;
  /** Where it stands, e.g. `eu-west`. @default '' */
  region?: string;
  agentVersion: string;
  limits?: {
    /** @default 786_432 */
    maxPromptBytes?: number;
    /** Tokens of one answer. @default 32_768 */
    maxTokens?: number;
    /** Unfinished requests of one peer. @default 32 */
    maxInFlightPerPeer?: number;
  };
}
