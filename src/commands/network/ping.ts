import {Args, Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {controlSocket} from '../../lib/config/places.ts';

export default class NetworkPing extends BaseCommand<typeof NetworkPing> {
  static override summary = 'Measure the round trip to a peer';
  static override description = 'The running node dials the peer if it is not connected, through a relay if need be.';
  static override args = {peer: Args.string({required: true, description: 'Peer id or address'})};
  static override flags = {
    count: Flags.integer({char: 'c', default: 3, min: 1, max: 20, description: 'How often'}),
  };
  static override examples = ['<%= config.bin %> <%= command.id %> /ip4/127.0.0.1/tcp/4001 --count 3'];

  async run(): Promise<object> {
    const {pingPeer} = await import('../../lib/cli/node-control.ts');
    const socket = controlSocket(this.places, (await this.loadProfile()).name);
    const reply = await pingPeer(socket, {peer: this.args.peer, count: this.flags.count}, this.abortSignal);
    for (const [index, ms] of reply.roundTripsMs.entries()) this.log(`${index + 1}  ${ms} ms`);
    this.note(`${reply.peerId} at ${reply.address}`);
    return reply;
  }
}
