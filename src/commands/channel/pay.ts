import {Args} from '@oclif/core';

import {amountArgument} from '../../lib/cli/amounts.ts';
import {CHAIN_FLAGS} from '../../lib/cli/chain.ts';
import {MoneyCommand} from '../../lib/cli/money-command.ts';
import {SIGNER_FLAGS} from '../../lib/cli/wallet.ts';

export default class ChannelPay extends MoneyCommand<typeof ChannelPay> {
  static override summary = 'Sign a voucher that pays a provider more through a channel';
  static override description =
    'Costs no gas. The voucher is kept here and printed as one line of JSON: hand it to the provider, who redeems it ' +
    'with `channel redeem`.';
  static override args = {
    channel: Args.string({required: true, description: 'First digits of its id, or the address of the other side'}),
    amount: Args.string({required: true, description: 'How much QUIV more than before'}),
  };
  static override flags = {...SIGNER_FLAGS, ...CHAIN_FLAGS};
  static override examples = [
    '<%= config.bin %> <%= command.id %> 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 2.5',
    '<%= config.bin %> <%= command.id %> 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 2.5 --json',
  ];

  async run(): Promise<object> {
    const [{findChannel}, {pay}, {voucherToJson}, {toJson}] = await Promise.all([
      import('../../lib/settlement/channels/list.ts'),
      import('../../lib/settlement/channels/plans.ts'),
      import('../../lib/settlement/channels/voucher.ts'),
      import('../../lib/core/json.ts'),
    ]);
    const amount = amountArgument(this.args.amount);
    using store = await this.channelStore();
    const [money, account] = await Promise.all([this.money(), this.account()]);
    const channel = await findChannel(money, store, account.address, this.args.channel);
    const signer = await account.unlock();
    const voucher = voucherToJson(await pay(money, store, channel, {amount, signer, signal: this.abortSignal}));
    this.log(toJson(voucher));
    return voucher;
  }
}
