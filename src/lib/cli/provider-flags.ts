import type {Interfaces} from '@oclif/core';

import {keyFlag, keyListFlag, keySwitch} from './flags.ts';

/** Their types are left plain, so that oclif can infer those of the other flags beside them. */
type PlainFlag = Interfaces.OptionFlag<string | undefined>;

/** Flags of `provider start` that are settings; read from the settings and never from `this.flags`. */
export const PROVIDER_SETTINGS = plain({
  backend: keyListFlag('provider.backends'),
  region: keyFlag('provider.region'),
  'price-in': keyFlag('provider.price_in'),
  'price-out': keyFlag('provider.price_out'),
  'bootstrap-node': keySwitch('network.bootstrap_mode'),
  bootstrap: keyListFlag('network.bootstrap_nodes'),
  announce: keyListFlag('network.announce'),
  mdns: keySwitch('network.enable_mdns'),
  host: keyListFlag('provider.host'),
  port: keyFlag('provider.port'),
  'quic-port': keyFlag('provider.quic_port'),
  'ws-port': keyFlag('provider.ws_port'),
  'webrtc-port': keyFlag('provider.webrtc_port'),
  'admin-host': keyFlag('admin.host'),
  'admin-port': keyFlag('admin.port'),
});

function plain<K extends string>(flags: Record<K, object>): Record<K, PlainFlag> {
  return flags as Record<K, PlainFlag>;
}
