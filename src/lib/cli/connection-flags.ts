import type {Interfaces} from '@oclif/core';

import {keyFlag, keyListFlag} from './flags.ts';

/** Flags of a server that anybody may reach; their values are read from the settings. */
export function serverFlags(section: 'stun' | 'turn'): Interfaces.FlagInput {
  return {
    host: keyListFlag(`${section}.hosts`),
    port: keyFlag(`${section}.port`),
    'alternate-port': keyFlag(`${section}.alternate_port`),
    'tls-port': keyFlag(`${section}.tls_port`),
    'tls-cert': keyFlag(`${section}.tls_cert`),
    'tls-key': keyFlag(`${section}.tls_key`),
    'public-ip': keyListFlag(`${section}.public_ip`),
    'public-ip-from': keyFlag(`${section}.public_ip_from`),
    workers: keyFlag(`${section}.workers`),
    ...ADMIN_FLAGS,
  };
}

export const ADMIN_FLAGS: Interfaces.FlagInput = {
  'admin-host': keyFlag('admin.host'),
  'admin-port': keyFlag('admin.port'),
};
