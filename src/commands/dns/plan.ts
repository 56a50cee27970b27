import {BaseCommand} from '../../lib/cli/base-command.ts';
import {PROVIDER_FLAGS, TOPOLOGY_FLAGS} from '../../lib/cli/dns-flags.ts';
import {EXIT} from '../../lib/core/errors.ts';

export default class DnsPlan extends BaseCommand<typeof DnsPlan> {
  static override summary = 'Show what a zone lacks, and what is to be changed in it';
  static override description =
    "Compares the zone as it is with what the settings want, and never writes. Only quiver's own records are changed or deleted. Exits with 3 when something is to be done.";
  static override flags = {...TOPOLOGY_FLAGS, ...PROVIDER_FLAGS};
  static override examples = [
    '<%= config.bin %> <%= command.id %> --zone quiver.example --host 203.0.113.10 --provider file --zone-file zone.txt',
    '<%= config.bin %> <%= command.id %> --zone quiver.example --host 203.0.113.10 --provider cloudflare',
  ];

  async run(): Promise<object> {
    const [{planText, zoneRequest}, {makePlan}] = await Promise.all([
      import('../../lib/cli/dns-zone.ts'),
      import('../../lib/dns/plan/apply.ts'),
    ]);
    const {interactive, abortSignal: signal} = this;
    const request = await zoneRequest(this, {interactive, adopt: this.flags.adopt, signal});
    this.note(`Reading ${request.zone} at ${request.provider.name} …`);
    const plan = await makePlan(request);
    this.log(planText(plan));
    if (plan.checksum !== '' || plan.conflicts.length > 0) this.endWith(EXIT.changesPending);
    const {zone, provider, checksum, changes, conflicts, kept, deletions, ownedRecords} = plan;
    return {zone, provider, checksum, changes, conflicts, kept, deletions, ownedRecords};
  }
}
