import type {Interfaces} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {serverFlags} from '../../lib/cli/connection-flags.ts';

export default class StunStart extends BaseCommand<typeof StunStart> {
  static override summary = 'Run a STUN server, which tells others their public address';
  static override description =
    'For hosts without a TURN server, which answers STUN itself. With two addresses and --alternate-port it also tells how a NAT behaves (RFC 5780).';
  static override flags: Interfaces.FlagInput = serverFlags('stun');
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --host 127.0.0.1 --host 127.0.0.2 --port 3478 --alternate-port 3479 --admin-port 0',
  ];

  async run(): Promise<void> {
    const {serve} = await import('../../lib/cli/serve.ts');
    await serve(this, ['stun']);
  }
}
