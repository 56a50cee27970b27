import type {Interfaces} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {ADMIN_FLAGS} from '../../lib/cli/connection-flags.ts';
import {keyFlag, keyListFlag} from '../../lib/cli/flags.ts';

export default class SignalStart extends BaseCommand<typeof SignalStart> {
  static override summary = 'Run a signalling server, where peers meet to connect directly';
  static override description =
    'Rooms over WebSocket and HTTP that carry offers, answers and candidates between peers that prove who they are. See docs/signalling.md for the protocol.';
  static override flags: Interfaces.FlagInput = {
    host: keyFlag('signal.host'),
    port: keyFlag('signal.port'),
    'tls-cert': keyFlag('signal.tls_cert'),
    'tls-key': keyFlag('signal.tls_key'),
    'public-url': keyListFlag('signal.public_urls'),
    origin: keyListFlag('signal.origins'),
    'trusted-proxy': keyListFlag('signal.trusted_proxies'),
    ...ADMIN_FLAGS,
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --origin https://app.example --admin-port 0',
  ];

  async run(): Promise<void> {
    const {serve} = await import('../../lib/cli/serve.ts');
    await serve(this, ['signal']);
  }
}
