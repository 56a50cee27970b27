import {Flags} from '@oclif/core';

import {LOOK_FLAGS, MoneyCommand} from '../../lib/cli/money-command.ts';
import {channelLines} from '../../lib/cli/money-text.ts';

export default class ChannelList extends MoneyCommand<typeof ChannelList> {
  static override summary = 'List your payment channels, those that pay you too';
  static override description =
    'Deposit and paid are what the chain knows; signed is what the newest voucher on this machine still pays.';
  static override flags = {...LOOK_FLAGS, all: Flags.boolean({description: 'Closed ones too'})};
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --all --json',
  ];

  async run(): Promise<object> {
    const [{listChannels}, {channelJson}] = await Promise.all([
      import('../../lib/settlement/channels/list.ts'),
      import('../../lib/settlement/channels/json.ts'),
    ]);
    using store = await this.channelStore();
    const {address} = await this.account();
    const channels = await listChannels(await this.money(), store, address, {closed: this.flags.all});
    if (channels.length > 0) this.log(channelLines(channels));
    else this.note('No channels. Open one: quiver channel open PROVIDER AMOUNT');
    return {address, channels: channels.map(channelJson)};
  }
}
