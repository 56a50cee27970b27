import {Args, Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {ICE_FLAGS} from '../../lib/cli/ice-flags.ts';
import {parseDuration} from '../../lib/core/units.ts';

const many = {multiple: true, multipleNonGreedy: true} as const;

export default class IceConnect extends BaseCommand<typeof IceConnect> {
  static override summary = 'A pipe, a file or a port between two shells, over the best path there is';
  static override description =
    'Both sides run it and name the peer id of the other; without one it prints your own. Alone it makes a pipe of ' +
    'stdin and stdout. --send goes with --receive on the other side, --forward with --allow, --bench with --bench.';
  static override args = {peer: Args.string({description: 'Peer id of the other side'})};
  static override flags = {
    send: Flags.string({...many, helpValue: '<file>', description: 'Send this file'}),
    receive: Flags.string({helpValue: '<folder>', description: 'Take files into this folder'}),
    forward: Flags.string({
      ...many,
      helpValue: '<spec>',
      description: 'Port here, and where it leads there: 8080:localhost:80',
    }),
    allow: Flags.string({
      ...many,
      helpValue: '<host:port>',
      description: 'Let the other side forward to this, until Ctrl-C',
    }),
    bench: Flags.boolean({description: 'Measure latency and throughput'}),
    signal: Flags.string({...many, helpValue: '<URL>', description: 'Signalling server to meet at'}),
    as: Flags.string({helpValue: '<name>', default: 'ice', description: 'Which of your own identities to use'}),
    wait: Flags.string({helpValue: '<duration>', default: '2m', description: 'For the other side to come'}),
    ...ICE_FLAGS,
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --as laptop --json',
  ];

  async run(): Promise<object> {
    const {flags, places} = this;
    if (this.args.peer === undefined) {
      const {iceIdentity} = await import('../../lib/cli/ice-session.ts');
      const {peerId} = await iceIdentity(places, flags.as);
      this.log(peerId);
      return {peerId};
    }
    const [{connectAndRun}, {iceSettings}, {benchText}, {readJobs}] = await Promise.all([
      import('../../lib/cli/ice-connect.ts'),
      import('../../lib/cli/ice-settings.ts'),
      import('../../lib/cli/ice-bench-text.ts'),
      import('../../lib/cli/ice-jobs.ts'),
    ]);
    const [config, log] = await Promise.all([this.loadSettings(), this.createLogger()]);
    const waitMs = parseDuration(flags.wait);
    const token = this.environment['QUIVER_ICE_TOKEN'];
    const more = {token, waitMs, identity: flags.as, signals: flags.signal ?? []};
    const report = await connectAndRun({
      peer: this.args.peer,
      jobs: readJobs(flags),
      waitMs,
      note: (text) => this.note(text),
      settings: iceSettings({places, flags, config, log, signal: this.abortSignal}, more),
    });
    if (report.bench !== undefined && !this.jsonEnabled()) this.log(benchText(report.bench, report.connection));
    return report;
  }
}
