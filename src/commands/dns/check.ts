import {Flags} from '@oclif/core';

import {BaseCommand} from '../../lib/cli/base-command.ts';
import {TOPOLOGY_FLAGS} from '../../lib/cli/dns-flags.ts';

/** A line now and then, where a check takes its time. */
const CONTACTS_PER_NOTE = 250;

export default class DnsCheck extends BaseCommand<typeof DnsCheck> {
  static override summary = 'Resolve every name of the network and contact what is behind it';
  static override description =
    'Compares the answers with the settings, dials bootstraps and relays and has them prove their peer ids, asks STUN and TURN servers, gets health pages and reads certificates. Exits with 1 when something is down, with 3 when records differ.';
  static override flags = {
    ...TOPOLOGY_FLAGS,
    resolver: Flags.string({
      helpValue: '<host:port>',
      description: "Server to ask instead of the system's, e.g. 192.0.2.53",
    }),
  };
  static override examples = [
    '<%= config.bin %> <%= command.id %> --zone quiver.example --host 203.0.113.10 --resolver 127.0.0.1:5353',
  ];

  async run(): Promise<object> {
    const [config, {loadTopology}, {checkExit, checkText}, {checkZone}] = await Promise.all([
      this.loadSettings(),
      import('../../lib/cli/dns-topology.ts'),
      import('../../lib/cli/dns-check.ts'),
      import('../../lib/dns/check/check-zone.ts'),
    ]);
    const topology = await loadTopology(config, this.interactive);
    this.note(`Resolving ${topology.zone} and contacting ${topology.nodes.length} nodes …`);
    const check = await checkZone({
      topology,
      resolver: this.flags.resolver,
      signal: this.abortSignal,
      onProgress: (done, all) => (done % CONTACTS_PER_NOTE === 0 ? this.note(`${done} of ${all} contacts`) : undefined),
    });
    this.log(checkText(check));
    this.endWith(checkExit(check));
    return check;
  }
}
