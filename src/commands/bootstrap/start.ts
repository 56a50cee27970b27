import {BaseCommand} from '../../lib/cli/base-command.ts';
import {nodeFlags} from '../../lib/cli/node-flags.ts';
import {controlSocket, runFile} from '../../lib/config/places.ts';

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
    const [config, {nodeSettings}, {createNodeServices}, {runServices, serviceLogger}] = await Promise.all([
      this.loadSettings(),
      import('../../lib/catalog/node-settings.ts'),
      import('../../lib/p2p/role-services.ts'),
      import('../../lib/cli/run-services.ts'),
    ]);
    const profile = config.profile.name;
    await runServices(this, {
      services: createNodeServices(await nodeSettings(config, this.places, 'bootstrap', ['bootstrap'])),
      log: await serviceLogger(config.get('log.level')),
      profile,
      admin: {host: config.get('admin.host'), port: config.get('admin.port')},
      socketPath: controlSocket(this.places, profile),
      runFile: runFile(this.places, profile),
    });
  }
}
