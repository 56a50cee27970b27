import {Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {table} from '../../lib/cli/output.ts';
import {controlSocket} from '../../lib/config/places.ts';

export default class NetworkPeers extends BaseCommand<typeof NetworkPeers> {
  static override summary = 'Show whom the running nodes are connected to';
  static override flags = {
    node: Flags.string({helpValue: '<name>', description: 'Only this node of the process; see quiver status'}),
  };
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<object> {
    const {readPeers} = await import('../../lib/cli/node-control.ts');
    const socket = controlSocket(this.places, (await this.loadProfile()).name);
    const nodes = await readPeers(socket, this.flags.node, this.abortSignal);
    const rows = nodes.flatMap(({name, peers}) =>
      peers.map((peer) => [
        name,
        peer.peerId,
        peer.roles.join(', ') || (peer.agent ?? ''),
        `${peer.direction} ${peer.transport}`,
        peer.latencyMs === undefined ? '' : `${peer.latencyMs} ms`,
        peer.address,
      ]),
    );
    if (rows.length === 0) this.note('No peers are connected.');
    else this.log(table(['NODE', 'PEER', 'WHAT', 'CONNECTION', 'RTT', 'ADDRESS'], rows));
    return {nodes};
  }
}
