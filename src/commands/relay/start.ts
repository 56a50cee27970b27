import type {Interfaces} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {keyFlag} from '../../lib/cli/flags.ts';
import {nodeFlags} from '../../lib/cli/node-flags.ts';

export default class RelayStart extends BaseCommand<typeof RelayStart> {
  static override summary = 'Run a circuit relay for peers behind NAT';
  static override description =
    'It passes on what it cannot read, with a limit on time and bytes for each connection (circuit relay v2).';
  static override flags: Interfaces.FlagInput = {...nodeFlags('relay'), region: keyFlag('relay.region')};
  static override examples = [
    '<%= config.bin %> <%= command.id %> --region eu-west',
    '<%= config.bin %> <%= command.id %> --port 0 --quic-port off --ws-port off --webrtc-port off --admin-port 0',
  ];

  async run(): Promise<void> {
    const {serve} = await import('../../lib/cli/serve.ts');
    await serve(this, ['relay']);
  }
}
