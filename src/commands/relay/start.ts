import type {Interfaces} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {keyFlag} from '../../lib/cli/flags.ts';
import {nodeFlags} from '../../lib/cli/node-flags.ts';
import {controlSocket, runFile} from '../../lib/config/places.ts';

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
    const [config, {nodeSettings}, {createNodeServices}, {runServices, serviceLogger}] = await Promise.all([
      this.loadSettings(),
      import('../../lib/catalog/node-settings.ts'),
      import('../../lib/p2p/role-services.ts'),
      import('../../lib/cli/run-services.ts'),
    ]);
    const profile = config.profile.name;
    const region = config.get('relay.region');
    await runServices(this, {
      services: createNodeServices({
        ...(await nodeSettings(config, this.places, 'relay', ['relay'])),
        ...(region !== undefined && {region}),
      }),
      log: await serviceLogger(config.get('log.level')),
      profile,
      admin: {host: config.get('admin.host'), port: config.get('admin.port')},
      socketPath: controlSocket(this.places, profile),
      runFile: runFile(this.places, profile),
    });
  }
}
