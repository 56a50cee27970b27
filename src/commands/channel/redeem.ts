import {Args, Flags} from '@oclif/core';

import {readVoucher} from '../../lib/cli/read-voucher.ts';
import {MoneyCommand, PLAN_FLAGS} from '../../lib/cli/money-command.ts';
import {toHex} from '../../lib/core/bytes.ts';

export default class ChannelRedeem extends MoneyCommand<typeof ChannelRedeem> {
  static override summary = 'Have the newest vouchers paid out to you';
  static override description =
    'Of every channel that pays you, or of one. A voucher that is brought with --voucher is checked and kept first.';
  static override args = {
    channel: Args.string({description: 'First digits of its id, or the address of the payer; without it, all'}),
  };
  static override flags = {
    ...PLAN_FLAGS,
    voucher: Flags.string({helpValue: '<file>', description: 'Voucher that a payer handed over, or - for stdin'}),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> --dry-run',
    '<%= config.bin %> <%= command.id %> --voucher voucher.json --yes',
  ];

  async run(): Promise<object> {
    const [{redeemable}, {redeemPlan, takeVoucher}] = await Promise.all([
      import('../../lib/settlement/channels/redeemable.ts'),
      import('../../lib/settlement/channels/plans.ts'),
    ]);
    using store = await this.channelStore();
    const {address} = await this.account();
    const {channel, voucher: file} = {...this.args, ...this.flags};
    const brought = file === undefined ? undefined : await readVoucher(file);
    if (brought !== undefined) takeVoucher(await this.money(), store, brought, address);
    // By its id: the two parties may have another channel, the other way round or with another signer.
    const wanted = brought === undefined ? channel : toHex(brought.voucher.channelId);
    return await this.carryOut(wanted ?? 'all', async (money, from) =>
      redeemPlan(money, await redeemable(money, store, from, wanted)),
    );
  }
}
