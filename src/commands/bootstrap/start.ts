import {BaseCommand} from '../../lib/cli/base-command.ts';
import {nodeFlags} from '../../lib/cli/node-flags.ts';

export default class BootstrapStart extends BaseCommand<typeof BootstrapStart> {
  static override summary = 'Run a DHT server with a well-known address';
  static override description =
    'Others join the network through it. On a loopback profile it listens on this machine only, else on all interfaces.';
  static override flags = nodeFlags('bootstrap');
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --port 0 --quic-port off --ws-port off --webrtc-port off --admin-port 0',
  ];

  async run(): Promise<void> {
    const {serve} = await import('../../lib/cli/serve.ts');
    await serve(this, ['bootstrap']);
  }
}
