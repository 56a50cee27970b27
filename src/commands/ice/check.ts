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
    const [{checkIce}, {iceIdentity, serverSource}, {iceCheckText}] = await Promise.all([
      import('../../lib/ice/check.ts'),
      import('../../lib/cli/ice-session.ts'),
      import('../../lib/cli/ice-check-text.ts'),
    ]);
    const {api = [], 'public-stun': publicStun = [], relay} = this.flags;
    const profile = await this.loadProfile();
    const identity = await iceIdentity(this.places, 'ice');
    const source = await serverSource(
      {
        places: this.places,
        profile,
        identity: 'ice',
        apis: api,
        token: this.environment['QUIVER_ICE_TOKEN'],
        publicStun,
        signals: [],
        relayOnly: relay,
        log: await this.createLogger(),
        signal: this.abortSignal,
      },
      identity.peerId,
    );
    const report = await checkIce({
      list: await source.list(this.abortSignal),
      policy: relay ? 'relay' : 'all',
      signal: this.abortSignal,
      ...(profile.loopbackOnly && {bindAddress: '127.0.0.1'}),
    });
    if (!this.jsonEnabled()) this.log(iceCheckText(report));
    if (!report.ok) this.endWith(EXIT.failed);
    return report;
  }
}
