import type {Interfaces} from '@oclif/core';

import {keyFlag, keyListFlag, keySwitch} from './flags.ts';

/**
 * Flags of every command that starts one public libp2p node; the values go to the section of the same name.
 * They are read from the settings and never from `this.flags`, so their types are left open.
 */
export function nodeFlags(section: 'bootstrap' | 'relay'): Interfaces.FlagInput {
  return {
    host: keyListFlag(`${section}.host`),
    port: keyFlag(`${section}.port`),
    'quic-port': keyFlag(`${section}.quic_port`),
    'ws-port': keyFlag(`${section}.ws_port`),
    'webrtc-port': keyFlag(`${section}.webrtc_port`),
    bootstrap: keyListFlag('network.bootstrap_nodes'),
    announce: keyListFlag('network.announce'),
    mdns: keySwitch('network.enable_mdns'),
    'admin-host': keyFlag('admin.host'),
    'admin-port': keyFlag('admin.port'),
  };
}
