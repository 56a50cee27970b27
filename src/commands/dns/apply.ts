import {Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {PROVIDER_FLAGS, TOPOLOGY_FLAGS} from '../../lib/cli/dns-flags.ts';
import {dnsJournal} from '../../lib/config/places.ts';

export default class DnsApply extends BaseCommand<typeof DnsApply> {
  static override summary = 'Carry out a plan for a zone';
  static override description =
    'Does what the plan with this checksum said, and nothing when the zone or the settings changed since. After a crash run it again: it goes on where it stopped.';
  static override flags = {
    ...TOPOLOGY_FLAGS,
    ...PROVIDER_FLAGS,
    plan: Flags.string({helpValue: '<checksum>', description: 'The plan that you agree to; asked for on a terminal'}),
    'allow-deletions': Flags.integer({min: 1, description: 'Go on although up to this many records are deleted'}),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> --zone quiver.example --host 203.0.113.10 --provider file --zone-file zone.txt --plan 3f9c1b2a7d04',
  ];

  async run(): Promise<object> {
    const [{zoneRequest}, {agreedPlan}, {applyPlan}] = await Promise.all([
      import('../../lib/cli/dns-zone.ts'),
      import('../../lib/cli/dns-agree.ts'),
      import('../../lib/dns/plan/apply.ts'),
    ]);
    const {interactive, abortSignal: signal} = this;
    const request = await zoneRequest(this, {interactive, adopt: this.flags.adopt, signal});
    const checksum = this.flags.plan ?? (await agreedPlan(request, {interactive, show: (text) => this.note(text)}));
    const about = {zone: request.zone, provider: request.provider.name};
    if (checksum === undefined) return {...about, applied: 0};
    const {changes} = await applyPlan({
      ...request,
      checksum,
      allowDeletions: this.flags['allow-deletions'],
      journal: dnsJournal(this.places, request.zone),
      onProgress: (done, all) => this.note(`Step ${done} of ${all}`),
    });
    this.log(`Applied ${changes.length} changes to ${about.zone} at ${about.provider}.`);
    return {...about, applied: changes.length};
  }
}
