import {BaseCommand} from '../../lib/cli/base-command.ts';
import {ICE_FLAGS} from '../../lib/cli/ice-flags.ts';
import {EXIT} from '../../lib/core/errors.ts';

export default class IceCheck extends BaseCommand<typeof IceCheck> {
  static override summary = 'Find out how this host can be connected with others';
  static override description =
    'Gathers candidates, asks STUN servers what kind of NAT there is, and makes a real allocation at each TURN server ' +
    'over UDP, TCP and TLS. Ends with 1 when peers elsewhere can not be reached.';
  static override flags = ICE_FLAGS;
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --relay --json',
  ];

  async run(): Promise<object> {
    const [{checkIce}, {iceIdentity, serverSource}, {iceSettings}, {iceCheckText}] = await Promise.all([
      import('../../lib/ice/check.ts'),
      import('../../lib/cli/ice-session.ts'),
      import('../../lib/cli/ice-settings.ts'),
      import('../../lib/cli/ice-check-text.ts'),
    ]);
    const {places, flags, abortSignal: signal} = this;
    const [config, log] = await Promise.all([this.loadSettings(), this.createLogger()]);
    const token = this.environment['QUIVER_ICE_TOKEN'];
    const settings = iceSettings({places, flags, config, log, signal}, {token});
    const source = await serverSource(settings, (await iceIdentity(places, settings.identity)).peerId);
    const report = await checkIce({
      list: await source.list(signal),
      policy: flags.relay ? 'relay' : 'all',
      signal,
      ...(config.profile.loopbackOnly && {bindAddress: '127.0.0.1'}),
    });
    if (!this.jsonEnabled()) this.log(iceCheckText(report));
    if (!report.ok) this.endWith(EXIT.failed);
    return report;
  }
}
