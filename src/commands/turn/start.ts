import type {Interfaces} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {serverFlags} from '../../lib/cli/connection-flags.ts';
import {keyFlag, keyListFlag, keySwitch} from '../../lib/cli/flags.ts';

export default class TurnStart extends BaseCommand<typeof TurnStart> {
  static override summary = 'Run a TURN server and the API that hands out its credentials';
  static override description =
    'Peers that cannot reach one another send through it. It answers STUN on the same ports, and never relays to addresses that are not public unless told so. See docs/operator/turn.md.';
  static override flags: Interfaces.FlagInput = {
    ...serverFlags('turn'),
    realm: keyFlag('turn.realm'),
    'relay-ports': keyFlag('turn.relay_port_range'),
    'relay-ip': keyListFlag('turn.relay_ip_range'),
    'allow-peer': keyListFlag('turn.allow_peers'),
    'deny-peer': keyListFlag('turn.deny_peers'),
    engine: keyFlag('turn.engine'),
    'allow-vulnerable-coturn': keySwitch('turn.allow_vulnerable_coturn'),
    'ice-host': keyFlag('turn.ice_api.host'),
    'ice-port': keyFlag('turn.ice_api.port'),
    'public-ice': keySwitch('turn.ice_api.public'),
    'ice-token-file': keyFlag('turn.ice_api.token_file'),
    'cors-origin': keyListFlag('turn.ice_api.cors_origins'),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --realm quiver.example --relay-ports 49152-49999 --workers 2',
  ];

  async run(): Promise<void> {
    const {serve} = await import('../../lib/cli/serve.ts');
    await serve(this, ['turn']);
  }
}
